"""How Flask-Security is set: what it does, how long its links last, and every word that it says to people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from portal import accounts
from portal.config import Settings
from portal.db import now
from portal.errors import Invalid

RESET_WITHIN = timedelta(hours=1)
CONFIRM_WITHIN = timedelta(days=2)
MAIL_TEMPLATES = "emails/account/"


def configuration(settings: Settings) -> dict[str, Any]:
    """The settings of Flask-Security and Flask-Login for these settings of ours."""
    cheap = {"argon2__time_cost": 1, "argon2__memory_cost": 8, "argon2__parallelism": 1}
    return {
        "SESSION_PROTECTION": None,  # an address that changes on the way home is no thief; the id is long enough
        "SECURITY_PASSWORD_SALT": settings.secret_key,
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_PASSWORD_SCHEMES": ["argon2"],
        "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": cheap if settings.testing else {},
        "SECURITY_HASHING_SCHEMES": ["hex_sha256"],  # marks inside signed links; no password comes near it
        "SECURITY_DEPRECATED_HASHING_SCHEMES": [],
        "SECURITY_USER_IDENTITY_ATTRIBUTES": [{"email": {"mapper": _identity, "case_insensitive": False}}],
        "SECURITY_DATETIME_FACTORY": now,
        "SECURITY_STATIC_FOLDER": None,
        "SECURITY_CACHE_CONTROL": {},  # its own would be written "no-store=True", which is no directive; ours follows
        "SECURITY_CLI_USERS_NAME": None,
        "SECURITY_CLI_ROLES_NAME": None,
        "SECURITY_API_ENABLED_METHODS": ["session"],
        "SECURITY_FRESHNESS": timedelta(minutes=-1),
        "SECURITY_LOGOUT_METHODS": ["POST"],
        "SECURITY_REGISTERABLE": True,
        "SECURITY_PASSWORD_CONFIRM_REQUIRED": False,
        "SECURITY_CONFIRMABLE": True,
        "SECURITY_CONFIRM_EMAIL_WITHIN": CONFIRM_WITHIN,
        "SECURITY_RECOVERABLE": True,
        "SECURITY_RESET_PASSWORD_WITHIN": RESET_WITHIN,
        "SECURITY_CHANGEABLE": True,
        "SECURITY_CHANGE_URL": "/account/password",
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_POST_LOGIN_VIEW": "/",
        "SECURITY_POST_LOGOUT_VIEW": "/",
        "SECURITY_POST_REGISTER_VIEW": "/login",
        "SECURITY_POST_CHANGE_VIEW": "/account",
        **{f"SECURITY_EMAIL_SUBJECT_{name}": words for name, words in _SUBJECTS.items()},
        **{f"SECURITY_{name}": MAIL_TEMPLATES + file for name, file in _MAILS.items()},
        **{f"SECURITY_MSG_{name}": words for name, words in MESSAGES.items()},
    }


_SUBJECTS = {
    "REGISTER": "Your registration",
    "CONFIRM": "Confirm your address",
    "PASSWORD_RESET": "Choose a new password",
    "PASSWORD_NOTICE": "Your password has been changed",
    "PASSWORD_CHANGE_NOTICE": "Your password has been changed",
}
_MAILS = {
    "REGISTER_EMAIL_TEMPLATE": "welcome",
    "REGISTER_EMAIL_EXISTING_TEMPLATE": "welcome_existing",
    "EMAIL_TEMPLATE_CONFIRM": "confirmation_instructions",
    "EMAIL_TEMPLATE_PASSWORD_RESET": "reset_instructions",
    "EMAIL_TEMPLATE_PASSWORD_RESET_NOTICE": "reset_notice",
    "EMAIL_TEMPLATE_PASSWORD_CHANGE_NOTICE": "change_notice",
}
MESSAGES = {
    "GENERIC_AUTHN_FAILED": ("Email or password is wrong.", "error"),
    "CONFIRM_REGISTRATION": ("We have sent a mail to %(email)s. Follow its link to confirm your address.", "success"),
    "CONFIRMATION_REQUEST": (
        "If %(email)s is waiting to be confirmed, a mail with a new link is on its way.",
        "success",
    ),
    "PASSWORD_RESET_REQUEST": (
        "If there is an account for %(email)s, a mail with a link is on its way. The link works once, for one hour.",
        "success",
    ),
    "EMAIL_CONFIRMED": ("Your address is confirmed. You can sign in now.", "success"),
    "ALREADY_CONFIRMED": ("Your address is already confirmed.", "info"),
    "INVALID_CONFIRMATION_TOKEN": ("This link doesn’t work. Ask for another.", "error"),
    "CONFIRMATION_EXPIRED": ("This link is too old. Ask for another.", "error"),
    "INVALID_RESET_PASSWORD_TOKEN": (
        "This link has been used or replaced by a newer one, or you have signed in since. Ask for another.",
        "error",
    ),
    "PASSWORD_RESET_EXPIRED": ("This link is too old. Ask for another.", "error"),
    "PASSWORD_RESET_NO_LOGIN": ("Your new password is saved. Sign in with it.", "success"),
    "PASSWORD_CHANGE": ("Your password is changed. All your other sessions have ended.", "success"),
    "PASSWORD_IS_THE_SAME": ("That is your current password. Choose another.", "error"),
    "INVALID_PASSWORD": ("That is not your current password.", "error"),
}


def _identity(text: str) -> str | None:
    try:
        return accounts.normal_address(text)
    except Invalid:
        return None
