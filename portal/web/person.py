"""The person who is signed in, with their type."""

from __future__ import annotations

from typing import cast

from flask_login import current_user

from portal.accounts import User


def current_person() -> User:
    """The signed-in person. Only for views that ``signed_in`` or ``requires`` guards."""
    return cast(User, current_user._get_current_object())
