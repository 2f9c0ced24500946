"""Proof of identity at the moment of a delicate decision: the password once more, with the limits of sign-in (C138)."""

from __future__ import annotations

from flask_security.utils import verify_password

from portal import accounts
from portal.accounts import User
from portal.db import transaction
from portal.errors import Invalid
from portal.web.limits import limits, of_account, of_address, times

PASSWORD = "password"


def step_up(person: User, password: str, *, purpose: str) -> str:
    """How this person has just proved who they are. Raises Invalid for a wrong password, which is recorded and counted.

    Who tries too often gets 429, by account *and* network address like at sign-in.
    """
    item = limits().sign_in
    counters = [of_account(item, "step-up", person.email, from_here=True), of_address(times(item, 5), "step-up")]
    limits().refuse_when_spent(counters)
    if person.password and verify_password(accounts.normal_password(password), person.password):
        return PASSWORD
    limits().count(counters)
    with transaction():
        accounts.refuse_sign_in(person, reason=f"wrong password, for {purpose}")
    raise Invalid("That is not your password.", field=PASSWORD)
