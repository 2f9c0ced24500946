"""Claiming a secret: it is shown once, to the app's own people, when they have accepted the terms of use (C69, C72).

What nobody claims is first brought to mind and then taken back. The timekeeper sets the clock of whatever is ready to
reveal, however it came to be so. The end is set only once the reminder has gone out, so that after an outage too
nothing is taken back without one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, select

from portal import access, catalog, credentials, schedule
from portal.access import HELD_STATES, Grant
from portal.accounts import User
from portal.catalog import TermsOfUse
from portal.credentials import Credential, CredentialState, Revealed
from portal.db import db, now
from portal.errors import Conflict, Invalid
from portal.events import EventKind, record
from portal.lifecycle.timers import SUBJECT, CredentialTimer
from portal.schedule import Planned, Timer, TimerState

MOST_AT_ONCE = 1_000


def claim(credential: Credential, *, accepted: Collection[int] = (), by: User) -> Revealed:
    """The secret, this once, to a person who may edit the app and accepts the terms with these keys.

    Raises Invalid, and makes no secret, when newer terms or those of another product have not been accepted.
    """
    locked = credentials.lock_for_owner(credential, by=by)
    accept_terms(locked, accepted, by=by)
    revealed = credentials.reveal(locked, by=by)
    schedule.cancel(SUBJECT, locked.id, kinds=(CredentialTimer.CLAIM_REMIND, CredentialTimer.CLAIM_END))
    return revealed


def activate(credential: Credential, *, accepted: Collection[int] = (), by: User) -> Credential:
    """Put a credential to use without a secret, once its app has a key or a certificate to prove itself with.

    The terms of use are accepted as for a secret. Raises Invalid like ``claim``, Conflict when there is no such proof.
    """
    locked = credentials.lock_for_owner(credential, by=by)
    if not can_prove(locked.app_id):
        raise Conflict("Register a public key or a client certificate first: without a secret it is the only proof.")
    accept_terms(locked, accepted, by=by)
    activated = credentials.activate(locked, by=by)
    schedule.cancel(SUBJECT, locked.id, kinds=(CredentialTimer.CLAIM_REMIND, CredentialTimer.CLAIM_END))
    return activated


def can_prove(app_id: int) -> bool:
    """Whether programs of this app can prove themselves without a secret."""
    good = [certificate for certificate in credentials.certificates_of(app_id) if not certificate.is_over]
    return bool(good or credentials.keys_of(app_id))


def accept_later(credential: Credential, *, accepted: Collection[int], by: User) -> None:
    """Accept terms that are new since the secret was shown, without waiting for the next rotation."""
    accept_terms(credentials.lock_for_owner(credential, by=by), accepted, by=by)


def accept_terms(credential: Credential, accepted: Collection[int], *, by: User) -> None:
    """Give a receipt for each of the terms that were still to be accepted. Raises Invalid, naming the first missing."""
    for terms in terms_to_accept([credential])[credential.id]:
        if terms.id not in accepted:
            raise Invalid(f"Accept the terms of use of {terms.label}, to get the secret.", field=field_of(terms))
        credentials.give_receipt(credential, terms, by=by)


def field_of(terms: TermsOfUse) -> str:
    """The field by which forms ask whether these terms are accepted."""
    return f"terms_{terms.id}"


def terms_to_accept(held: Sequence[Credential]) -> Mapping[int, Sequence[TermsOfUse]]:
    """For each of these credentials, the newest terms of what it opens that nobody has accepted for it yet."""
    keys = [credential.id for credential in held]
    opened = _products_of(keys)
    newest = catalog.newest_terms_of({product_id for _, product_id in opened})
    given = (
        {(receipt.credential_id, receipt.terms_id) for receipt in credentials.receipts_of(keys)} if newest else set()
    )
    return {
        key: [terms for terms in newest if (key, terms.product_id) in opened and (key, terms.id) not in given]
        for key in keys
    }


def unclaimed_to_watch(*, remind_after: timedelta, revoke_after: timedelta) -> list[tuple[int, Planned]]:
    """The timers that are still to be set for what is ready to reveal, each with its credential.

    None is due in the past: a timer that is long over is forgotten, and would be set anew.
    """
    new = _unclaimed(~_has_timer(CredentialTimer.CLAIM_REMIND), ~_has_timer(CredentialTimer.CLAIM_END))
    reminded = _unclaimed(
        _has_timer(CredentialTimer.CLAIM_REMIND, TimerState.FIRED), ~_has_timer(CredentialTimer.CLAIM_END)
    )
    earliest = now() + revoke_after - remind_after
    return [
        *[(key, Planned(CredentialTimer.CLAIM_REMIND, max(since + remind_after, now()))) for key, since in new],
        *[(key, Planned(CredentialTimer.CLAIM_END, max(since + revoke_after, earliest))) for key, since in reminded],
    ]


def remind(credential: Credential, _fired: Sequence[Planned]) -> None:
    """Bring to the owner's mind that a secret waits."""
    if credential.state is CredentialState.PENDING_REVEAL:
        record(EventKind.CREDENTIAL_CLAIM_REMINDED, subject=credential, by=None)


def give_up(credential: Credential, _fired: Sequence[Planned]) -> None:
    """End a credential whose secret nobody has claimed, with the access that hangs on it."""
    if credential.state is CredentialState.PENDING_REVEAL:
        days = (now() - credential.created_at).days
        access.end_credential(credential, by=None, reason=f"Nobody revealed its secret within {days} days.")


def _unclaimed(*conditions: ColumnElement[bool]) -> list[tuple[int, datetime]]:
    waits = Credential.state == CredentialState.PENDING_REVEAL
    query = select(Credential.id, Credential.created_at).where(waits, *conditions)
    return [(row.id, row.created_at) for row in db.session.execute(query.order_by(Credential.id).limit(MOST_AT_ONCE))]


def _has_timer(kind: CredentialTimer, state: TimerState | None = None) -> ColumnElement[bool]:
    timer = select(Timer.id).where(Timer.subject_type == SUBJECT, Timer.subject_id == Credential.id, Timer.kind == kind)
    return exists(timer.where(Timer.state == state) if state is not None else timer)


def _products_of(credential_ids: Collection[int]) -> set[tuple[int, int]]:
    """Pairs of a credential and a product that it opens, or will when its suspension is over."""
    query = select(Grant).where(Grant.credential_id.in_(credential_ids), Grant.state.in_(HELD_STATES))
    return {(grant.credential_id, grant.product_id) for grant in db.session.scalars(query) if grant.is_held}
