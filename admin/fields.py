"""What the forms of products, plans and catalogues have in common.

A form knows which version of the thing was on the screen, and what each field then said. So a save sends only what the
person changed; and when somebody else was quicker (R10), theirs is taken over where the person typed nothing, and both
are shown where both did.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from portal.web import key_of

LONG_LIST = 12


class CommaList(StringField):
    """Short texts with commas between them."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take the texts apart."""
        if valuelist:
            self.data = [word.strip() for word in valuelist[0].split(",") if word.strip()]

    def _value(self) -> str:
        return self.raw_data[0] if self.raw_data else ", ".join(self.data or [])


class Lines(TextAreaField):
    """Texts, one a line."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take the lines apart."""
        if valuelist:
            self.data = [line.strip() for line in valuelist[0].splitlines() if line.strip()]

    def _value(self) -> str:
        return self.raw_data[0] if self.raw_data else "\n".join(self.data or [])


class ScopeLines(TextAreaField):
    """Scopes, one a line: the name, a space, and what it allows."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take each line apart after its first word."""
        if valuelist:
            lines = [line.split(maxsplit=1) for line in valuelist[0].splitlines()]
            self.data = [
                {"name": parts[0], "description": " ".join(" ".join(parts[1:]).split())} for parts in lines if parts
            ]

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "\n".join(f"{scope['name']} {scope['description']}".strip() for scope in self.data or [])


class TickList(SelectMultipleField):
    """Things to tick, by their keys."""

    widget = ListWidget()
    option_widget = CheckboxInput()

    def __init__(self, label: str, **kwargs: Any) -> None:
        super().__init__(label, coerce=lambda value: key_of(str(value)), choices=[], **kwargs)

    def offer(self, things: Iterable[tuple[int, str]]) -> None:
        """Let these be chosen, by key and name."""
        self.choices = [SelectChoice(str(key), name) for key, name in things]

    def pre_validate(self, _form: Any) -> None:
        """Refuse what is not in the list; it may have gone since the page was drawn."""
        listed = {key_of(choice.value) for choice in self.choices or []}
        if not self.chosen <= listed:
            raise ValidationError("One of these can no longer be chosen. Look at the list again.")

    @property
    def is_long(self) -> bool:
        """Whether the list needs a search of its own."""
        return len(self.choices or []) > LONG_LIST

    @property
    def chosen(self) -> set[int]:
        """The keys that are ticked."""
        return set(self.data or [])

    def said(self) -> str:
        """The names that are ticked, for reading."""
        return ", ".join(c.label for c in self.choices or [] if key_of(c.value) in self.chosen) or "none"


@dataclass(frozen=True)
class Difference:
    """A field that somebody else has changed: what it says now, and what the person typed there, if anything."""

    label: str
    stored: str
    typed: str | None


class EditForm(FlaskForm):
    """A form for a thing that others may be editing too."""

    version = HiddenField()
    seen = HiddenField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.differences: list[Difference] = []

    @property
    def seen_version(self) -> int:
        """The version that was on the screen; 0, which is never the present one, when the form does not say."""
        return key_of(self.version.data or "") or 0

    def show(self, version: int) -> None:
        """Remember what is on the screen from now on: this version of the thing, and what each field says."""
        self.version.data = str(version)
        self.seen.data = json.dumps(self._marks(), separators=(",", ":"))

    def touched(self) -> set[str]:
        """The names of the fields that the person has changed since the page was drawn."""
        seen = self._seen_marks()
        return {name for name, mark in self._marks().items() if seen.get(name) != mark}

    def meet(self, stored: EditForm, version: int) -> None:
        """Somebody else was quicker: take over what only they changed, and note all that they did."""
        seen, mine, theirs = self._seen_marks(), self._marks(), stored._marks()
        for name, mark in theirs.items():
            if mark in (seen.get(name), mine[name]):
                continue
            untouched = mine[name] == seen.get(name)
            self.differences.append(
                Difference(self[name].label.text, words_of(stored[name]), None if untouched else words_of(self[name]))
            )
            if untouched:
                self[name].data, self[name].raw_data = stored[name].data, None
        self.version.data, self.seen.data = str(version), json.dumps(theirs, separators=(",", ":"))

    def _marks(self) -> dict[str, str]:
        return {field.name: mark_of(field.data) for field in self if not isinstance(field, HiddenField)}

    def _seen_marks(self) -> dict[str, str]:
        try:
            seen = json.loads(self.seen.data or "{}")
        except (ValueError, RecursionError):
            return {}
        return {str(k): str(v) for k, v in seen.items()} if isinstance(seen, dict) else {}


def mark_of(value: Any) -> str:
    """A short mark of what a field holds, the same for texts that differ only in kinds of line breaks."""
    if isinstance(value, str) or value is None:
        plain: Any = "\n".join((value or "").split("\r\n")).strip()
    elif isinstance(value, list) and all(isinstance(item, int) for item in value):
        plain = sorted(value)
    else:
        plain = value
    return hashlib.sha256(repr(plain).encode("utf-8", "surrogatepass")).hexdigest()[:10]


def words_of(field: Field) -> str:
    """What a field holds, for reading."""
    if isinstance(field, TickList):
        return field.said()
    if isinstance(field.data, bool):
        return "yes" if field.data else "no"
    if field.data is None or field.data == "" or field.data == []:
        return "nothing"
    if isinstance(field, SelectField):
        return next((str(c.label) for c in field.choices if c.value == field.data), str(field.data))
    return str(field._value() if hasattr(field, "_value") else field.data)
