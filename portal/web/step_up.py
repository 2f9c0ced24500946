"""The password once more, for what a borrowed session must not be enough for."""

from __future__ import annotations

from typing import Any, cast

from flask_login import current_user
from flask_security.utils import verify_password
from flask_wtf import FlaskForm
from wtforms import PasswordField, ValidationError
from wtforms.validators import InputRequired

from portal import accounts
from portal.accounts import User
from portal.db import transaction
from portal.web.limits import limits, of_account, of_address, times

BY_PASSWORD = "password"
MOST_CHARACTERS = 1024


def short(_form: Any, field: Any) -> None:
    """Refuse what nobody types before anything is computed from it."""
    if len(field.data or "") > MOST_CHARACTERS:
        field.data = ""
        raise ValidationError(f"Use at most {MOST_CHARACTERS} characters.")


class PasswordAgainForm(FlaskForm):
    """A form that counts only with the person's own password. ``what_for`` says in the record what it was asked for."""

    password = PasswordField(
        "Current password",
        [InputRequired("Enter your current password."), short],
        render_kw={"autocomplete": "current-password"},
    )
    what_for = "something that needs it"

    def validate(self, **kwargs: Any) -> bool:
        """Whether the form is complete and the password right. A wrong one is recorded like a sign-in that failed."""
        if not super().validate(**kwargs):
            return False
        person = cast(User, current_user._get_current_object())
        if person.password and verify_password(accounts.normal_password(self.password.data or ""), person.password):
            return True
        with transaction():
            accounts.refuse_sign_in(person, reason=f"wrong password, for {self.what_for}")
        self.password.errors = ["That is not your current password."]
        return False


def count_password_try(person: User) -> None:
    """Count one such form, from this network address and for this account; answers 429 when it is one too many."""
    often = times(limits().sign_in, 5)
    limits().count([of_address(often, "password"), of_account(often, "password", person.email)])
