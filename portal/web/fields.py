"""What forms of both portals have in common."""

from __future__ import annotations

import re

from wtforms import Field, Form, IntegerField
from wtforms.validators import DataRequired, StopValidation
from wtforms.widgets import TextInput

from portal.blanks import is_blank


class Said(DataRequired):
    """A text of which something can be seen."""

    def __call__(self, form: Form, field: Field) -> None:
        """Stop with the message when nothing was said."""
        if is_blank(field.data or ""):
            field.errors = []  # one message is enough, as with DataRequired
            raise StopValidation(self.message)


class WholeNumber(IntegerField):
    """A whole number or nothing. ``10,000`` is read as it is meant, and what cannot be read stays as it was typed."""

    widget = TextInput()

    def process_formdata(self, valuelist: list[str]) -> None:
        """Take the typed number."""
        if not valuelist:
            return
        typed = re.sub(r"(?<=\d)[, _'](?=\d{3}(?!\d))", "", valuelist[0].strip())
        if not typed:
            self.data = None
        elif re.fullmatch(r"-?[0-9]{1,15}", typed):
            self.data = int(typed)
        else:
            self.data = None
            raise ValueError("Enter a whole number, such as 1000.")
