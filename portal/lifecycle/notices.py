"""Notices before access ends: at set days before, to whoever owns the app, one mail for each credential (C75, C106).

The timekeeper looks every hour at all that ends soon and sets the timers that are not there yet. The number of a timer
holds the day of the end beside the days before it: an end that moves, by renewal, gets timers of its own, and those of
the old end find nothing to tell. So nothing has to be set anew, whatever changes an end, and a restored backup or a
changed setting needs no care. Of several that have come due in an outage one mail tells (C5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import joinedload

from portal import access, schedule
from portal.access import HELD_STATES, AccessRequest, Grant, RequestKind
from portal.credentials import Credential, CredentialState
from portal.db import db, now
from portal.events import EventKind, record
from portal.lifecycle.timers import SUBJECT, CredentialTimer, is_about, number_of
from portal.schedule import Planned

_LIVE = (CredentialState.PENDING_REVEAL, CredentialState.ACTIVE)
_AHEAD = timedelta(days=1)  # timers are set before they are due


@dataclass(frozen=True)
class Ending:
    """Access that ends at a time by itself, of one credential."""

    ends_at: datetime
    grants: tuple[Grant, ...]

    @property
    def products(self) -> str:
        """The API products, as a sentence lists them."""
        return ", ".join(grant.product.name for grant in self.grants)


def notices_to_set(days: Sequence[int]) -> list[tuple[int, Planned]]:
    """The notices of all that ends soon for which no timer was ever set, each with its credential."""
    horizon = now() + timedelta(days=max(days)) + _AHEAD
    wanted: dict[tuple[int, int], Planned] = {}
    for (credential_id, _), (starts_at, ends_at) in _ends_until(horizon).items():
        for each, due_at in access.notice_times(starts_at, ends_at, days).items():
            nth = number_of(ends_at, each)
            wanted[credential_id, nth] = Planned(CredentialTimer.EXPIRY_NOTICE, due_at, nth)
    return _without_known(wanted)


def set_notices(missing: Sequence[tuple[int, Planned]]) -> None:
    """Set these timers, unless another worker has."""
    schedule.arm_missing(SUBJECT, missing)


def give_notice(credential: Credential, fired: Sequence[Planned]) -> None:
    """Tell that access ends, if it still ends on one of the days for which a timer has fired."""
    ends = endings_of(credential)
    if any(is_about(ending.ends_at, planned) for ending in ends for planned in fired):
        told = {f"{ending.ends_at:%Y-%m-%d %H:%M}": ending.products for ending in ends}
        record(EventKind.EXPIRY_NOTICED, subject=credential, by=None, after={"ends": told})


def endings_of(credential: Credential) -> list[Ending]:
    """What is held on this credential and ends by itself, the earliest end first."""
    query = select(Grant).join(AccessRequest, AccessRequest.id == Grant.request_id)
    query = query.where(Grant.credential_id == credential.id, Grant.state.in_(HELD_STATES))
    query = query.where(AccessRequest.kind != RequestKind.BREAK_GLASS).order_by(Grant.id)
    by_end: dict[datetime, list[Grant]] = {}
    for grant in db.session.scalars(query.options(joinedload(Grant.product))):
        end = access.end_of(grant)
        if end is not None and now() < end:
            by_end.setdefault(end, []).append(grant)
    return [Ending(end, tuple(grants)) for end, grants in sorted(by_end.items())]


def _ends_until(horizon: datetime) -> dict[tuple[int, int], tuple[datetime, datetime]]:
    """By credential and day on which any of it ends: the earliest start of that access, and its earliest end."""
    moment, found = now(), dict[tuple[int, int], tuple[datetime, datetime]]()
    for row in db.session.execute(_soon(moment, horizon)):
        end = min(each for each in (row.ends_at, row.expires_at) if each is not None)
        if moment < end <= horizon:
            known = (row.credential_id, end.toordinal())
            start, earliest = found.get(known, (row.starts_at, end))
            found[known] = min(start, row.starts_at), min(earliest, end)
    return found


def _soon(moment: datetime, horizon: datetime) -> Select[int, datetime, datetime | None, datetime | None]:
    return (
        select(Grant.credential_id, Grant.starts_at, Grant.ends_at, Credential.expires_at)
        .join(Credential, Credential.id == Grant.credential_id)
        .join(AccessRequest, AccessRequest.id == Grant.request_id)
        .where(
            Grant.state.in_(HELD_STATES),
            Credential.state.in_(_LIVE),
            AccessRequest.kind != RequestKind.BREAK_GLASS,
            or_(Grant.ends_at.between(moment, horizon), Credential.expires_at.between(moment, horizon)),
        )
    )


def _without_known(wanted: dict[tuple[int, int], Planned]) -> list[tuple[int, Planned]]:
    ids = list(dict.fromkeys(credential_id for credential_id, _ in wanted))
    known = schedule.set_before(SUBJECT, ids, CredentialTimer.EXPIRY_NOTICE)
    return [
        (credential_id, planned)
        for (credential_id, nth), planned in wanted.items()
        if (credential_id, nth) not in known
    ]
