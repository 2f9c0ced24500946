"""What stands in place of Flask-Security's own parts: people, mails, passwords and reset links of the accounts room."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask_security import SQLAlchemyUserDatastore
from flask_security.mail_util import EmailValidateException, MailUtil
from flask_security.password_util import PasswordUtil
from itsdangerous import BadSignature, SignatureExpired
from sqlalchemy import select

from portal import accounts
from portal.accounts import User
from portal.db import db, now
from portal.errors import Invalid
from portal.web.sign_in_settings import MAIL_TEMPLATES
from portal.web.writing import begin_writing


class People(SQLAlchemyUserDatastore):
    """Flask-Security's way to people. It never commits: the view's one transaction does (``portal.web.writing``)."""

    def commit(self) -> None:
        """Nothing: see the class."""

    def find_user(self, case_insensitive: bool = False, **kwargs: Any) -> User | None:
        """The person with this one attribute; addresses are stored in lower case."""
        ((name, value),) = kwargs.items()
        return db.session.scalars(select(User).where(getattr(User, name) == value)).unique().one_or_none()

    def create_user(self, **kwargs: Any) -> User:
        """A new consumer whose address is yet to be confirmed. Fields beyond these three are not looked at."""
        begin_writing()
        return accounts.add_person(
            kwargs["email"], name=kwargs.get("name", ""), password_hash=kwargs["password"], confirmed=False
        )


class Mails(MailUtil):
    """Mails about the account: into the outbox, in the transaction of what they tell."""

    def send_mail(
        self,
        template: str,
        subject: str,
        recipient: str | tuple[str, str],
        sender: str | tuple[str, str],
        body: str | None,
        html: str | None,
        **context: Any,
    ) -> None:
        """Queue the mail for the person whom it is about."""
        begin_writing()
        name = template.removeprefix(MAIL_TEMPLATES)
        accounts.queue_mail(context["user"], name=name, subject=subject, text=body or "", html=html or "")

    def normalize(self, email: str) -> str:
        """The address in its one normal form."""
        try:
            return accounts.normal_address(email)
        except Invalid as error:
            raise EmailValidateException(error.message) from None

    validate = normalize


class Passwords(PasswordUtil):
    """Which passwords are accepted: the rules of the accounts room."""

    def normalize(self, password: str) -> str:
        """The password as it is hashed."""
        return accounts.normal_password(password)

    def validate(self, password: str, is_register: bool, **kwargs: Any) -> tuple[list[str] | None, str]:
        """What is wrong with a new password, and its normal form."""
        person = kwargs.get("user")
        email = kwargs.get("email") or getattr(person, "email", "")
        name = kwargs.get("name") or getattr(person, "name", "")
        problems = accounts.password_problems(password, email=email or "", name=name or "")
        return problems or None, accounts.normal_password(password)


class ResetLinks:
    """Takes the place of Flask-Security's signed reset tokens, which a newer one or a sign-in does not end."""

    def dumps(self, data: list[str]) -> str:
        """A new reset for the person with this mark."""
        begin_writing()
        person = db.session.scalars(select(User).where(User.fs_uniquifier == data[0])).unique().one()
        return accounts.open_reset(person)

    def loads(self, token: str, max_age: float | None = None) -> list[str]:
        """The mark of the person whose open reset this is."""
        person = accounts.find_by_reset(token)
        if person is None or person.reset_asked_at is None or not person.active:
            raise BadSignature("There is no such open reset.")
        if now() - person.reset_asked_at > timedelta(seconds=max_age or 0):
            raise SignatureExpired("This reset is too old.")
        return [person.fs_uniquifier]

    def loads_unsafe(self, token: str) -> tuple[bool, None]:
        """Nothing: a reset that has run out says nothing about anybody."""
        return False, None
