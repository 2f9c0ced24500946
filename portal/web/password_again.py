"""Forms that count only with the person's own password: for what a borrowed session must not be enough for."""

from __future__ import annotations

from typing import Any, cast

from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, ValidationError
from wtforms.validators import InputRequired

from portal.accounts import User
from portal.errors import Invalid
from portal.web.step_up import step_up

MOST_CHARACTERS = 1024


def short(_form: Any, field: Any) -> None:
    """Refuse what nobody types before anything is computed from it."""
    if len(field.data or "") > MOST_CHARACTERS:
        field.data = ""
        raise ValidationError(f"Use at most {MOST_CHARACTERS} characters.")


class PasswordAgainForm(FlaskForm):
    """``what_for`` says in the record what the password was asked for; ``proved_by`` is set when it was right."""

    password = PasswordField(
        "Current password",
        [InputRequired("Enter your current password."), short],
        render_kw={"autocomplete": "current-password"},
    )
    what_for = "something that needs it"
    proved_by = ""

    def validate(self, **kwargs: Any) -> bool:
        """Whether the form is complete and the password right. A wrong one is counted and recorded as at sign-in."""
        if not super().validate(**kwargs):
            return False
        person = cast(User, current_user._get_current_object())
        try:
            self.proved_by = step_up(person, self.password.data or "", purpose=self.what_for)
        except Invalid:
            self.password.errors = ["That is not your current password."]
            return False
        return True
