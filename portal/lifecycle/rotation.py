"""Rotating secrets without an outage: for a time two are good, and somebody is told when it is time to rotate (C101).

The timekeeper looks every hour at what is to be rotated soon. The number of a timer holds the day by which the secret
is to be replaced beside the days before it: a new secret, or another schedule of the plan, gets timers of its own, and
those of the old day find nothing to tell. Of several that came due in an outage one mail tells (C5).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from portal import access, credentials, schedule
from portal.accounts import User
from portal.catalog import Plan, PlanState
from portal.credentials import Credential, CredentialState, Revealed
from portal.db import db, now
from portal.errors import NotAllowed
from portal.events import EventKind, record
from portal.lifecycle.claiming import accept_terms
from portal.lifecycle.timers import SUBJECT, CredentialTimer, is_about, number_of
from portal.schedule import Planned

REMINDED_DAYS_BEFORE = (14, 3, 0)
_AHEAD = timedelta(days=max(REMINDED_DAYS_BEFORE) + 1)  # timers are set before they are due


def rotate(
    credential: Credential, *, overlap_days: int, seen: datetime | None = None, accepted: Collection[int] = (), by: User
) -> Revealed:
    """A new secret, shown this once; the old one stays good for so many days, at most those of the plan.

    Raises as ``credentials.rotate`` does, and Invalid when terms of use have not been accepted.
    """
    locked = credentials.lock_for_owner(credential, by=by)
    accept_terms(locked, accepted, by=by)
    revealed = credentials.rotate(locked, by=by, overlap_days=overlap_days, seen=seen)
    schedule.cancel(SUBJECT, locked.id, kinds=(CredentialTimer.OVERLAP_END,))
    if locked.retiring_until is not None:
        schedule.arm_again(SUBJECT, [locked.id], Planned(CredentialTimer.OVERLAP_END, locked.retiring_until))
    return revealed


def end_old_secret(credential: Credential, *, by: User) -> Credential:
    """Stop the old secret before its time, for the app's own people. Raises Conflict when it has ended."""
    locked = credentials.end_old_secret(credential, by=by)
    schedule.cancel(SUBJECT, locked.id, kinds=(CredentialTimer.OVERLAP_END,))
    return locked


def stop_secrets(credential: Credential, *, by: User, reason: str) -> Credential:
    """Stop the secrets of somebody's credential at once and keep its access: its owner has to rotate.

    For those who may revoke the credential. Raises Invalid without a reason, Conflict when no secret works.
    """
    if not access.may_revoke_credential(credential, by):
        raise NotAllowed("You may not stop the secrets of this credential.")
    return credentials.stop_secrets(credential, by=by, reason=access.said_why(reason))


def end_overlap(credential: Credential, _fired: Sequence[Planned]) -> None:
    """Forget the old secret, which its time has stopped already."""
    if not credentials.clear_old_secret(credential) and credential.retiring_until is not None:
        schedule.arm_again(SUBJECT, [credential.id], Planned(CredentialTimer.OVERLAP_END, credential.retiring_until))


def rotations_to_watch() -> list[tuple[int, Planned]]:
    """The reminders that are still to be set of secrets that are soon to be replaced, each with its credential."""
    wanted: dict[tuple[int, int], Planned] = {}
    for credential_id, made_at, rotate_by in _due_for_rotation():
        for days, due_at in _reminders(made_at, rotate_by).items():
            nth = number_of(rotate_by, days)
            wanted[credential_id, nth] = Planned(CredentialTimer.ROTATE_REMIND, due_at, nth)
    known = schedule.set_before(SUBJECT, sorted({key for key, _ in wanted}), CredentialTimer.ROTATE_REMIND)
    return [(key, planned) for (key, nth), planned in wanted.items() if (key, nth) not in known]


def remind(credential: Credential, fired: Sequence[Planned]) -> None:
    """Tell that the secret is to be replaced, if that is still the day by which."""
    rotate_by = credential.rotate_by
    if credential.state is not CredentialState.ACTIVE or credential.secret_hash is None:
        return
    if rotate_by is not None and any(is_about(rotate_by, planned) for planned in fired):
        after = {"rotate_by": rotate_by, "overdue": credential.is_rotation_overdue}
        record(EventKind.CREDENTIAL_ROTATION_REMINDED, subject=credential, by=None, after=after)


def _reminders(made_at: datetime, rotate_by: datetime) -> dict[int, datetime]:
    """When each reminder is due, by the days before: those to come, and of those that are over the last.

    What is long overdue is due now and not when it was: its timer is kept from now on for as long as all are, and is
    then set again, so that who lets a secret stand is told a few times a year and not at every look.
    """
    moment = now()
    due = {days: rotate_by - timedelta(days=days) for days in REMINDED_DAYS_BEFORE}
    due = {days: at for days, at in due.items() if at > made_at}  # a schedule shorter than the notice needs none
    last = min((days for days, at in due.items() if at <= moment), default=0)
    return {days: max(at, moment) for days, at in due.items() if at > moment or days == last}


def _due_for_rotation() -> list[tuple[int, datetime, datetime]]:
    """Credential, when its secret was made, and by when it is to be replaced; of those where that is soon or over."""
    found = []
    plans = db.session.scalars(select(Plan).where(Plan.rotate_every_days.is_not(None), Plan.state != PlanState.RETIRED))
    for plan in plans.all():
        period = timedelta(days=plan.rotate_every_days or 0)
        query = select(Credential.id, Credential.secret_made_at).where(
            Credential.plan_id == plan.id,
            Credential.state == CredentialState.ACTIVE,
            Credential.secret_hash.is_not(None),
            Credential.parent_id.is_(None),  # clients that registered themselves stand on no page with that button
            Credential.secret_made_at <= now() + _AHEAD - period,
        )
        found += [(row.id, row.secret_made_at, row.secret_made_at + period) for row in db.session.execute(query)]
    return found
