"""Reading a definition: every fault is told at its row and attribute, since an editor shows it there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from portal.errors import Invalid
from portal.forms.fields import (
    KEY,
    LONGEST_ANSWER,
    LONGEST_HELP,
    LONGEST_LABEL,
    MOST_CHOICES,
    MOST_FIELDS,
    MOST_NUMBER,
    NOT_IN_A_LINE,
    Choice,
    Condition,
    Feed,
    Field,
    FieldType,
)


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
            again=self._again(kind),
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

    def _again(self, kind: FieldType) -> bool:
        wanted = bool(self.entry.get("again"))
        if wanted and kind is FieldType.FILE:
            self.errors["again"] = "A file stays with its request and cannot be used again."
        return wanted


def _pair(entry: Any) -> tuple[str, str]:
    if isinstance(entry, Mapping):
        return str(entry.get("value") or "").strip(), str(entry.get("label") or "").strip()
    return str(entry).strip(), str(entry).strip()
