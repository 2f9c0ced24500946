"""Sign-in, registration and password reset by Flask-Security, with our own pages, mails and sessions."""

from __future__ import annotations

from flask import Flask
from flask_security import Security, SQLAlchemyUserDatastore

from portal.accounts import Role, User
from portal.config import Settings
from portal.db import db

security = Security()


def register_people(app: Flask, settings: Settings) -> None:
    """Make people known to the application."""
    app.config.update(
        SECURITY_PASSWORD_SALT=settings.secret_key,
        SECURITY_PASSWORD_HASH="argon2",
        SECURITY_LOGOUT_METHODS=["POST"],
        SECURITY_REGISTERABLE=True,
        SECURITY_RECOVERABLE=True,
        SECURITY_CHANGEABLE=True,
        SECURITY_SEND_REGISTER_EMAIL=False,
        SECURITY_POST_LOGIN_VIEW="/",
        SECURITY_POST_LOGOUT_VIEW="/",
        SECURITY_RETURN_GENERIC_RESPONSES=True,
    )
    security.init_app(app, SQLAlchemyUserDatastore(db, User, Role))
