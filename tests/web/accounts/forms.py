"""The forms that a stranger fills, and the person that comes of it."""

from __future__ import annotations

from sqlalchemy import select

from portal.accounts import User
from portal.db import db

NEW = "seven green hats"


def register(visitor, **values):
    filled = {"Name": "Ada Lovelace", "Email": "ada@acme.example", "Password": NEW, **values}
    return visitor.get("/register").press("Create account", **filled)


def ask_reset(visitor, email: str, **kwargs):
    return visitor.get("/reset", **kwargs).press("Send the link", Email=email)


def person_at(email: str) -> User:
    return db.session.scalars(select(User).where(User.email == email)).unique().one()
