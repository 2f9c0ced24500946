"""The fields of a form: what is asked, in which manner, and when.

A definition is a list of plain mappings, as it is stored. ``read_fields`` makes ``Field``s of it and refuses, place by
place, what nobody could fill in: the condition that refers to a later field, the choice without anything to choose.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from portal.errors import Invalid

MOST_FIELDS = 60
MOST_CHOICES = 50
LONGEST_LABEL = 200
LONGEST_HELP = 500
LONGEST_ANSWER = 4000
LONG_TEXT = 200
MOST_NUMBER = 10**15
KEY = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class FieldType(StrEnum):
    """What kind of answer a field takes."""

    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"
    DATE = "date"
    FILE = "file"
    LINK = "link"
    YES_NO = "yes_no"

    @property
    def label(self) -> str:
        """The kind as people read it."""
        return "Yes or no" if self is FieldType.YES_NO else self.value.capitalize()


class Feed(StrEnum):
    """What an approval policy may learn from an answer."""

    ENVIRONMENT = "environment"
    AUDIENCE = "audience"
    EXPOSURE = "exposure"
    ACCESS_LEVEL = "access_level"
    EXPECTED_VOLUME = "expected_volume"
    AUTH_METHOD = "auth_method"
    PERSONAL_DATA = "personal_data"

    @property
    def label(self) -> str:
        """The attribute as people read it."""
        return self.value.replace("_", " ").capitalize()

    @property
    def type(self) -> FieldType:
        """The kind of answer that a policy can read for this attribute."""
        if self is Feed.EXPECTED_VOLUME:
            return FieldType.NUMBER
        return FieldType.YES_NO if self is Feed.PERSONAL_DATA else FieldType.CHOICE


@dataclass(frozen=True)
class Choice:
    """One thing to choose: what is stored, and what people read."""

    value: str
    label: str


@dataclass(frozen=True)
class Condition:
    """A field is shown only while another has one of these answers."""

    field: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Field:
    """One question of a form.

    ``feeds`` names the policy attribute that the answer gives; ``needed_by`` the review stages that cannot be approved
    while it is empty; of the fields with the same ``one_of`` at least one has to be answered.
    """

    key: str
    label: str
    type: FieldType = FieldType.TEXT
    required: bool = False
    help: str = ""
    min_length: int | None = None
    max_length: int | None = None
    least: int | None = None
    most: int | None = None
    choices: tuple[Choice, ...] = ()
    shown_if: Condition | None = None
    feeds: Feed | None = None
    needed_by: tuple[str, ...] = ()
    one_of: str = ""

    @property
    def longest(self) -> int:
        """How many characters a text may have."""
        return self.max_length or LONGEST_ANSWER

    @property
    def is_long(self) -> bool:
        """Whether a text has room for several lines."""
        return self.type is FieldType.TEXT and self.longest > LONG_TEXT

    @property
    def values(self) -> tuple[str, ...]:
        """What a condition on this field may ask for."""
        if self.type is FieldType.YES_NO:
            return ("yes", "no")
        return tuple(choice.value for choice in self.choices)

    def stored(self) -> dict[str, Any]:
        """The field as it stands in a definition: without what is empty."""
        plain: dict[str, Any] = {
            "key": self.key,
            "label": self.label,
            "type": self.type.value,
            "required": self.required,
            "help": self.help,
            "min_length": self.min_length,
            "max_length": self.max_length,
            "least": self.least,
            "most": self.most,
            "choices": [{"value": choice.value, "label": choice.label} for choice in self.choices],
            "shown_if": {"field": self.shown_if.field, "is": list(self.shown_if.answers)} if self.shown_if else None,
            "feeds": self.feeds.value if self.feeds else None,
            "needed_by": list(self.needed_by),
            "one_of": self.one_of,
        }
        return {name: value for name, value in plain.items() if value is not False and value not in (None, "", [])}


class BadFields(Invalid):
    """A definition that nobody could fill in; ``errors`` says by row and attribute what is wrong."""

    def __init__(self, errors: Mapping[tuple[int, str], str]) -> None:
        super().__init__(" ".join(f"Field {row + 1}: {message}" for (row, _), message in errors.items()))
        self.errors = dict(errors)


def read_fields(raw: Sequence[Mapping[str, Any]]) -> list[Field]:
    """The fields of a definition, in their order. Raises BadFields with everything that is wrong."""
    if len(raw) > MOST_FIELDS:
        raise BadFields({(MOST_FIELDS, "label"): f"A form has at most {MOST_FIELDS} fields."})
    errors: dict[tuple[int, str], str] = {}
    fields: list[Field] = []
    for row, entry in enumerate(raw):
        reader = _Reader(entry, fields)
        fields.append(reader.field())
        errors |= {(row, attribute): message for attribute, message in reader.errors.items()}
    if errors:
        raise BadFields(errors)
    return fields


def fields_of(stored: Sequence[Mapping[str, Any]]) -> list[Field]:
    """The fields of a definition that was checked when it was stored."""
    return read_fields(stored)


def key_from(label: str) -> str:
    """A key made from a label."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return (words if words[:1].isalpha() else f"field_{words}".rstrip("_"))[:40].rstrip("_")


class _Reader:
    """Reads one field, and notes what is wrong at each attribute."""

    def __init__(self, entry: Mapping[str, Any], earlier: Sequence[Field]) -> None:
        self.entry = entry
        self.earlier = {field.key: field for field in earlier}
        self.errors: dict[str, str] = {}

    def field(self) -> Field:
        label = self._line("label", "label", LONGEST_LABEL)
        if not label:
            self.errors.setdefault("label", "Say what is asked for.")
        kind = self._type()
        least, most = self._bounds("least", "most", -MOST_NUMBER, MOST_NUMBER)
        shortest, longest = self._bounds("min_length", "max_length", 0, LONGEST_ANSWER)
        return Field(
            key=self._key(label),
            label=label,
            type=kind,
            required=bool(self.entry.get("required")),
            help=self._line("help", "help text", LONGEST_HELP),
            min_length=shortest if kind is FieldType.TEXT else None,
            max_length=longest if kind is FieldType.TEXT else None,
            least=least if kind is FieldType.NUMBER else None,
            most=most if kind is FieldType.NUMBER else None,
            choices=self._choices() if kind is FieldType.CHOICE else (),
            shown_if=self._condition(),
            feeds=self._feed(kind),
            needed_by=self._stages(),
            one_of=self._one_of(),
        )

    def _line(self, name: str, called: str, most: int) -> str:
        value = self.entry.get(name) or ""
        if not isinstance(value, str):
            self.errors[name] = f"The {called} must be a text."
            return ""
        text = value.strip()
        if len(text) > most:
            self.errors[name] = f"The {called} is too long: {len(text):,} characters where {most} fit."
        elif NOT_IN_A_LINE.search(text):
            self.errors[name] = f"The {called} contains line breaks or characters that cannot be shown."
        return text

    def _type(self) -> FieldType:
        try:
            return FieldType(self.entry.get("type") or FieldType.TEXT)
        except ValueError:
            self.errors["type"] = "Choose one of the kinds that are offered."
            return FieldType.TEXT

    def _key(self, label: str) -> str:
        key = self._line("key", "key", 40) or self._free(key_from(label))
        if not KEY.fullmatch(key):
            self.errors["key"] = "A key has small letters, digits and underscores, and begins with a letter."
        elif key in self.earlier:
            self.errors["key"] = f"The key “{key}” stands at another field already."
        return key

    def _free(self, key: str) -> str:
        taken = self.earlier
        return next(k for n in range(1, MOST_FIELDS + 2) if (k := key if n == 1 else f"{key[:36]}_{n}") not in taken)

    def _bounds(self, low: str, high: str, smallest: int, largest: int) -> tuple[int | None, int | None]:
        bounds = [self._number(name, smallest, largest) for name in (low, high)]
        if bounds[0] is not None and bounds[1] is not None and bounds[0] > bounds[1]:
            self.errors[high] = "The largest is smaller than the smallest."
        return bounds[0], bounds[1]

    def _number(self, name: str, smallest: int, largest: int) -> int | None:
        value = self.entry.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,16}\s*", value, re.ASCII):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not smallest <= value <= largest:
            self.errors[name] = f"Enter a whole number from {smallest:,} to {largest:,}, or nothing."
            return None
        return value

    def _choices(self) -> tuple[Choice, ...]:
        raw = self.entry.get("choices") or []
        found: dict[str, Choice] = {}
        for entry in raw if isinstance(raw, list | tuple) else []:
            value, label = _pair(entry)
            if not value or max(len(value), len(label)) > LONGEST_LABEL or NOT_IN_A_LINE.search(value + label):
                self.errors["choices"] = f"“{(label or value)[:40]}” cannot be a choice."
            elif value in found:
                self.errors["choices"] = f"“{value[:40]}” stands there twice."
            found[value] = Choice(value, label or value)
        if not found:
            self.errors["choices"] = "Name at least one thing to choose, one a line."
        elif len(found) > MOST_CHOICES:
            self.errors["choices"] = f"There can be at most {MOST_CHOICES} choices."
        return tuple(found.values())

    def _condition(self) -> Condition | None:
        raw = self.entry.get("shown_if")
        if not isinstance(raw, Mapping) or not raw.get("field"):
            return None
        name, asked = str(raw["field"]), raw.get("is")
        answers = tuple(str(answer) for answer in (asked if isinstance(asked, list | tuple) else [asked]) if answer)
        other = self.earlier.get(name)
        if other is None and name != Feed.ENVIRONMENT:
            self.errors["shown_if"] = "This condition names a field that does not stand above this one."
        elif other is not None and not other.values:
            self.errors["shown_if"] = f"A condition needs a choice or a yes or no, which “{other.label}” is not."
        elif not answers or (other is not None and not set(answers) <= set(other.values)):
            offered = ", ".join(other.values) if other else "dev, test, prod"
            self.errors["shown_if"] = f"Say for which answers this is shown. They can be: {offered}."
        return Condition(name, answers)

    def _feed(self, kind: FieldType) -> Feed | None:
        if not (wanted := self.entry.get("feeds")):
            return None
        try:
            feed = Feed(wanted)
        except ValueError:
            self.errors["feeds"] = "Choose one of the attributes that are offered."
            return None
        if feed.type is not kind:
            self.errors["feeds"] = f"{feed.label} is read from a field of the kind “{feed.type.label}”."
        if any(field.feeds is feed for field in self.earlier.values()):
            self.errors["feeds"] = f"Another field gives the policy its {feed.label.lower()} already."
        return feed

    def _stages(self) -> tuple[str, ...]:
        raw = self.entry.get("needed_by") or []
        keys = [str(key).strip() for key in (raw if isinstance(raw, list | tuple) else [raw])]
        if any(not KEY.fullmatch(key) for key in keys):
            self.errors["needed_by"] = "A stage is named by its key, such as security."
        return tuple(dict.fromkeys(keys))

    def _one_of(self) -> str:
        name = self._line("one_of", "name", 40)
        if name and not KEY.fullmatch(name):
            self.errors["one_of"] = "Use small letters, digits and underscores."
        return name


def _pair(entry: Any) -> tuple[str, str]:
    if isinstance(entry, Mapping):
        return str(entry.get("value") or "").strip(), str(entry.get("label") or "").strip()
    return str(entry).strip(), str(entry).strip()
