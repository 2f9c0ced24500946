"""Giving an app to somebody else, with what hangs on it: access goes on, what was only asked for ends."""

from __future__ import annotations

from datetime import datetime

from portal import accounts, apps, credentials
from portal.access.break_glass import emergency_credentials
from portal.access.ending import withdraw_pending
from portal.access.impact import refuse_unseen
from portal.accounts import Right, User
from portal.apps import DeveloperApp
from portal.blanks import is_blank
from portal.db import lock
from portal.errors import Conflict, Invalid, NotFound
from portal.events import EventKind, last_event


def transfer_app(app: DeveloperApp, to: User | None, *, by: User, reason: str, seen: str) -> DeveloperApp:
    """Make somebody else the owner of an app: its owner to a colleague, an administrator to anybody.

    Its access goes on. Requests that nobody has decided are withdrawn: they were made by somebody who has the app no
    longer, and the new owner might be the one to decide them. Raises Conflict while it has emergency access, which was
    for the person, or when the impact is not what was ``seen``; Invalid when nobody (None) has the address given.
    """
    if to is None:
        raise Invalid(apps.NOBODY, field="email")
    lock(User, to.id)  # before the app, as whoever asks for something holds themselves first
    locked = lock(DeveloperApp, app.id)
    if locked is None or not locked.is_live:
        raise NotFound("There is no such app.")
    if is_blank(reason):
        raise Invalid("Give a reason: it stands in the record, and both owners read it.", field="reason")
    refuse_unseen(locked, seen)
    emergencies = emergency_credentials(locked)
    if any(credential.is_live and credential.id in emergencies for credential in credentials.credentials_of(locked)):
        raise Conflict("This app has emergency access, which was for its owner alone. Revoke that first.")
    apps.change_owner(locked, to, by=by, reason=reason.strip())
    withdraw_pending(locked, by=by, reason=f"The app was given to {to.display_name}.")
    return locked


def secrets_known_since(app: DeveloperApp) -> datetime | None:
    """When the app came from somebody else who may know its secrets or hold its keys; None when none is that old."""
    handed = last_event(EventKind.APP_TRANSFERRED, app)
    if handed is None:
        return None
    held = [each for each in credentials.credentials_of(app) if each.is_live and each.secret_made_at is not None]
    old = any(each.secret_made_at is not None and each.secret_made_at < handed.occurred_at for each in held)
    old = old or credentials.proofs_known_before(app, handed.occurred_at)
    return handed.occurred_at if old else None


def former_owner(app: DeveloperApp) -> User | None:
    """Who had the app before and could have it again, as a colleague of its owner: to whom it can be handed back."""
    handed = last_event(EventKind.APP_TRANSFERRED, app)
    former = accounts.find_person_by_email(str(handed.before.get("owner", ""))) if handed is not None else None
    if former is None or former.id == app.owner_id or not (former.active and former.may(Right.REQUEST_ACCESS)):
        return None
    colleague = former.organisation_id == app.organisation_id and not app.organisation.is_default
    return former if colleague else None
