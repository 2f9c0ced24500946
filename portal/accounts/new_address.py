"""Another mail address for an account: asked for by who knows the password, confirmed by a link sent to it.

Only a hash of the link is stored. A newer one takes its place; using it, taking it back, a new password, a password
reset, or the end of the account ends it. Whether an address has an account already is told to that address alone:
who asks for it sees and gets the same either way.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal.accounts.addresses import normal_address
from portal.accounts.models import User
from portal.accounts.people import find_person_by_email
from portal.accounts.sessions import end_sessions
from portal.db import db, lock, now
from portal.errors import Conflict, Invalid, NotAllowed, NotFound
from portal.events import EventKind, record

CONFIRM_NEW_ADDRESS_WITHIN = timedelta(hours=1)


def ask_new_address(person: User, address: str, *, seen_as: str, by: User) -> str | None:
    """Note that this person wants another address; gives the text for the link, or None when it has an account.

    ``seen_as`` is the account's mark when the password was asked for. Raises NotAllowed when it has changed since.
    """
    wanted = normal_address(address)
    current = _hold(person)
    if current.fs_uniquifier != seen_as:
        raise NotAllowed("Your account has changed in this moment. Please sign in again.")
    if wanted == current.email:
        raise Invalid("That is your address already.", field="email")
    token = secrets.token_urlsafe(32)
    current.new_email, current.new_email_token_hash, current.new_email_asked_at = wanted, _hash(token), now()
    record(EventKind.NEW_ADDRESS_ASKED, subject=current, by=by, after={"email": wanted})
    return None if find_person_by_email(wanted) is not None else token


def new_address_of(person: User) -> str | None:
    """The address that waits to be confirmed, while its link works."""
    if person.new_email is None or person.new_email_asked_at is None:
        return None
    return person.new_email if now() - person.new_email_asked_at <= CONFIRM_NEW_ADDRESS_WITHIN else None


def find_by_new_address(token: str) -> User | None:
    """The active person whose open link this is, unless it is too old."""
    person = db.session.scalar(select(User).where(User.new_email_token_hash == _hash(token)))
    return person if person is not None and person.active and new_address_of(person) is not None else None


def take_new_address(token: str, *, this_session: str = "") -> tuple[User, str]:
    """Put the new address in the place of the old, which is given back with the person; the link is used up.

    All sessions end but ``this_session``, if it is the person's own; so does an open reset, which went to the old
    address. Raises NotFound for a link that does not work, Conflict when the address got an account meanwhile.
    """
    found = find_by_new_address(token)
    current = _hold(found) if found is not None else None
    wanted = new_address_of(current) if current is not None else None
    if current is None or wanted is None or current.new_email_token_hash != _hash(token):
        raise NotFound("This link has been used or replaced by a newer one, or it is too old.")
    before = current.email
    _give(current, wanted)
    current.confirmed_at = now()
    current.reset_token_hash = current.reset_asked_at = None
    current.forget_new_address()
    end_sessions(current, but=this_session)
    record(EventKind.EMAIL_CHANGED, subject=current, by=current, before={"email": before}, after={"email": wanted})
    return current, before


def take_back_new_address(person: User, *, by: User) -> bool:
    """Forget the wish for another address; says whether there was one."""
    current = _hold(person)
    wanted = current.new_email
    if wanted is None:
        return False
    current.forget_new_address()
    record(EventKind.NEW_ADDRESS_TAKEN_BACK, subject=current, by=by, before={"email": wanted})
    return True


def _give(person: User, address: str) -> None:
    taken = Conflict("There is an account with this address by now. Nothing was changed.")
    if find_person_by_email(address) is not None:
        raise taken
    person.email = address
    try:
        db.session.flush()
    except IntegrityError:  # of two at once
        raise taken from None


def _hold(person: User) -> User:
    current = lock(User, person.id)
    if current is None or not current.active:
        raise NotAllowed("Your account has changed in this moment. Please sign in again.")
    return current


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
