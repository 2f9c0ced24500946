"""The forms of sign-in, registration and passwords: Flask-Security's, in our words and with our rules.

Each ``validate`` that ends well also begins the writing that follows from it (see ``portal.web.writing``) and looks
once more, under a lock, whether what was true a moment ago still is.
"""

from __future__ import annotations

from typing import Any, cast

from flask import request
from flask_login import current_user
from flask_security.forms import (
    ChangePasswordForm,
    EmailValidation,
    ForgotPasswordForm,
    LoginForm,
    RegisterFormV2,
    ResetPasswordForm,
    SendConfirmationForm,
    unique_user_email,
    valid_user_email,
)
from flask_security.utils import hash_password
from wtforms import EmailField, PasswordField, StringField, SubmitField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length

from portal import accounts
from portal.accounts import User
from portal.db import lock, transaction
from portal.errors import Invalid
from portal.web.fields import Said
from portal.web.password_again import PasswordAgainForm, short
from portal.web.writing import begin_writing

_ENTER_EMAIL = "Enter your mail address."
_ENTER_PASSWORD = "Enter a password."
_OLD = {"autocomplete": "current-password"}
_NEW = {"autocomplete": "new-password"}
_LENGTH_HINT = "8 characters or more. A few unrelated words are better than one word with digits and signs."


def _email(*checks: Any, autocomplete: str = "username") -> EmailField:
    return EmailField("Email", [DataRequired(_ENTER_EMAIL), *checks], render_kw={"autocomplete": autocomplete})


class SignInForm(LoginForm):
    """Email and password. A sign-in that fails is recorded, whichever of the two was wrong."""

    email = _email(Length(max=254), EmailValidation(verify=False))
    password = PasswordField("Password", [InputRequired(_ENTER_PASSWORD), short], render_kw=_OLD)
    remember = None
    submit = SubmitField("Sign in")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.password.description = ""

    def validate_next(self, field: Any) -> None:
        """Any value will do: where people may be sent is decided after the sign-in (``own_path``)."""

    def validate(self, **kwargs: Any) -> bool:
        """Whether this is the person's address and password, and the account may be used."""
        if super().validate(**kwargs):
            return True
        if self.email.data and self.password.data and not self.csrf_token.errors:
            with transaction():
                accounts.refuse_sign_in(cast(User | None, self.user), reason=self._why())
        return False

    def _why(self) -> str:
        if not self.user_authenticated:
            return "wrong password" if self.user else ""
        return "address not confirmed" if self.requires_confirmation else "account closed"


class RegistrationForm(RegisterFormV2):
    """Name, email and a password. That an address is taken is told only to that address, by mail."""

    name = StringField("Name", [Said("Enter your name."), Length(max=120)], render_kw={"autocomplete": "name"})
    email = _email(Length(max=254), EmailValidation(verify=True), unique_user_email, autocomplete="email")
    password = PasswordField(
        "Password", [InputRequired(_ENTER_PASSWORD), short], description=_LENGTH_HINT, render_kw=_NEW
    )
    submit = SubmitField("Create account")

    def validate_name(self, field: Any) -> None:
        """Keep the name to one line."""
        try:
            field.data = accounts.usable_name(field.data or "")
        except Invalid as error:
            raise ValidationError(error.message) from None
        if not field.data:
            raise ValidationError("Enter your name.")


class ResetRequestForm(ForgotPasswordForm):
    """The address that a link to choose a new password goes to."""

    email = _email(Length(max=254), EmailValidation(verify=True), valid_user_email)
    submit = SubmitField("Send the link")

    def validate(self, **kwargs: Any) -> bool:
        """Whether there is such an account. Known and unknown addresses cost the same work."""
        known = bool(super().validate(**kwargs))
        if self.csrf_token.errors or _is_malformed(self):
            return False
        if known:
            hash_password("not-a-password")  # as Flask-Security does for an unknown address
            begin_writing()
            accounts.ask_reset(cast(User | None, self.user))
        else:
            with transaction():
                accounts.ask_reset(cast(User | None, self.user))
        return known


class ConfirmationRequestForm(SendConfirmationForm):
    """The address that another confirmation link goes to."""

    email = _email(Length(max=254), EmailValidation(verify=True), valid_user_email)
    submit = SubmitField("Send the link")

    def validate(self, **kwargs: Any) -> bool:
        """Whether there is an unconfirmed account with this address."""
        found = bool(super().validate(**kwargs))
        if self.csrf_token.errors or _is_malformed(self):
            return False
        if found:
            begin_writing()
        return found


class NewPasswordForm(ResetPasswordForm):
    """A new password by the link from the mail."""

    password = PasswordField(
        "New password", [InputRequired(_ENTER_PASSWORD), short], description=_LENGTH_HINT, render_kw=_NEW
    )
    password_confirm = None
    submit = SubmitField("Save the new password")

    def validate(self, **kwargs: Any) -> bool:
        """Whether the password may be used and the link still holds: of two at once, one is too late."""
        if not super().validate(**kwargs):
            return False
        begin_writing()
        person = lock(User, cast(User, self.user).id)
        token = (request.view_args or {}).get("token", "")
        if person is None or not person.active or not accounts.reset_is_open(person, token):
            self.form_errors.append("This link has been used or replaced by a newer one. Ask for another.")
            return False
        return True


class PasswordForm(ChangePasswordForm):
    """The present password and a new one."""

    password = PasswordField("Current password", [InputRequired("Enter your current password."), short], render_kw=_OLD)
    new_password = PasswordField(
        "New password", [InputRequired(_ENTER_PASSWORD), short], description=_LENGTH_HINT, render_kw=_NEW
    )
    new_password_confirm = None
    submit = SubmitField("Change password")

    def validate(self, **kwargs: Any) -> bool:
        """Whether the present password is right and the new one may be used."""
        if not super().validate(**kwargs):
            if self.password.errors and self.password.data:
                self.password.errors = ["That is not your current password."]
            return False
        mark = current_user.fs_uniquifier
        begin_writing()
        person = lock(User, current_user.id)
        if person is None or person.fs_uniquifier != mark:
            self.form_errors.append("Your account has changed in this moment. Please sign in again.")
            return False
        return True


class NewAddressForm(PasswordAgainForm):
    """Another mail address for one's own account, and the password once more."""

    email = EmailField(
        "New address", [DataRequired(_ENTER_EMAIL), Length(max=254)], render_kw={"autocomplete": "email"}
    )
    what_for = "a change of the mail address"

    def validate_email(self, field: Any) -> None:
        """Take the address in its one normal form."""
        try:
            field.data = accounts.normal_address(field.data or "")
        except Invalid as error:
            raise ValidationError(error.message) from None


def _is_malformed(form: ResetRequestForm | ConfirmationRequestForm) -> bool:
    """Whether that is no address at all. Said for the whole form: Flask-Security drops what is said of the field."""
    try:
        accounts.normal_address(form.email.data or "")
    except Invalid as error:
        form.form_errors.append(error.message if form.email.data else _ENTER_EMAIL)
        return True
    return False
