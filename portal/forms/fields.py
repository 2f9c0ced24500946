"""The fields of a form: what is asked, in which manner, and when.

A definition is a list of plain mappings, as it is stored. ``reading`` makes ``Field``s of it and refuses, place by
place, what nobody could fill in: the condition that refers to a later field, the choice without anything to choose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

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
    while it is empty; of the fields with the same ``one_of`` at least one has to be answered; ``again`` lets an answer
    be used again in later requests of the same app.
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
    again: bool = False

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
            "again": self.again,
        }
        return {name: value for name, value in plain.items() if value is not False and value not in (None, "", [])}
