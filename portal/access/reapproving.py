"""Approving access again: what was given stays open until a day, and then opens nothing until it is approved (C130).

A re-approval is a request like any other, about one access: the policy in force judges it, in the name of who has the
app, with the answers that were given then. Approved, the access goes on as it was, to the same end, under the policy of
today. Rejected, it ends. Without an answer by its day it is suspended: by ``entitlement`` at that second, and in the
record as soon as the timekeeper comes round.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from sqlalchemy import select

from portal.access.again import Again, answers_then, enter_again
from portal.access.ending import lock_grant
from portal.access.form import Judged
from portal.access.gaps import Gap, gap_of, gaps_of, scopes_again
from portal.access.models import (
    AccessRequest,
    CartItem,
    Cause,
    Grant,
    GrantState,
    RequestItem,
    RequestKind,
)
from portal.access.stated import stated_now, stated_when_approved
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, day_begins, may_edit_product
from portal.db import db, lock, now
from portal.errors import Conflict, Invalid, NotAllowed, NotFound
from portal.events import EventKind, record

USUAL_DAYS, MOST_DAYS = 14, 180
MOST_ASKED_AGAIN = 100
LONGEST_NOTE = 2000
_ASKED_ALREADY = "Somebody has just asked about this access."


def ask_again(product: ApiProduct, *, by: User, last_day: date, note: str = "") -> list[AccessRequest]:
    """Ask for a new approval of each access to a product that lacks one; at most a hundred, the oldest first.

    ``last_day`` is the last day on which they stay open without it. Pressing twice asks once: what is asked about
    already is left alone. Raises NotAllowed for those who may not change the product, Invalid for a bad day.
    """
    if not may_edit_product(product, by):
        raise NotAllowed("Only the owners of a product and administrators can ask for its approvals again.")
    _check(last_day, note)
    locked = lock(ApiProduct, product.id)  # whoever presses at the same time comes after this, and finds it done
    if locked is None:
        raise NotFound("There is no such product.")
    first = gaps_of(locked).to_ask[:MOST_ASKED_AGAIN]
    _lock_apps({gap.grant.app_id for gap in first})
    for gap in sorted(first, key=lambda gap: (gap.grant.credential_id, gap.grant.id)):
        lock_grant(gap.grant)
    wanted = {gap.grant.id for gap in first}
    still = [gap for gap in gaps_of(locked, fresh=True).to_ask if gap.grant.id in wanted]
    return [_ask(gap, by=by, last_day=last_day, note=note.strip()) for gap in still]


def pending_reapproval_of(grant: Grant) -> AccessRequest | None:
    """The request by which this access is to be approved again, while nobody has decided it."""
    query = select(AccessRequest).join(RequestItem, RequestItem.request_id == AccessRequest.id)
    query = query.where(
        AccessRequest.kind == RequestKind.REAPPROVAL,
        AccessRequest.credential_id == grant.credential_id,
        RequestItem.product_id == grant.product_id,
        RequestItem.is_open,
    )
    return db.session.scalars(query.limit(1)).first()


def reapprovals_due(*, size: int = 100, without: Iterable[int] = ()) -> Sequence[int]:
    """The accesses that nobody has approved again in time, and that still stand as open."""
    query = select(Grant.id).where(Grant.state == GrantState.ACTIVE, Grant.reapprove_by <= now())
    return db.session.scalars(query.where(Grant.id.not_in(list(without))).order_by(Grant.id).limit(size)).all()


def suspend_unapproved(grant_id: int) -> bool:
    """Give an access whose day has gone by the state that it has in effect; False when another was quicker."""
    known = db.session.get(Grant, grant_id)
    if known is None:
        return False
    grant, _ = lock_grant(known)
    if grant.state is not GrantState.ACTIVE or not grant.is_held or not grant.lacks_approval:
        return False
    asked = pending_reapproval_of(grant)
    then = f"It works again once {asked.number} is approved." if asked else "Its approval has to be asked for again."
    suspend_because(grant, Cause.NOT_REAPPROVED, f"Nobody approved it again in time. {then}")
    return True


def suspend_because(grant: Grant, cause: Cause, reason: str) -> None:
    """Suspend an access for what has happened, and not by anybody's hand: the one door for whatever notices it.

    The caller has locked the access. Its owners and administrators can resume it, unless an approval is what it lacks.
    """
    grant.move_to(GrantState.SUSPENDED)
    grant.suspended_at, grant.suspended_reason = now(), reason
    grant.suspended_by_app, grant.suspended_cause = False, cause
    record(EventKind.ACCESS_SUSPENDED, subject=grant, by=None, reason=reason, after={"cause": cause})


def refuse_unapproved(grant: Grant) -> None:
    """Raise Conflict when this access has to be approved again before it opens anything.

    Once the policy asks for nothing that it has not had, it may go on without.
    """
    if not grant.lacks_approval:
        return
    if gap_of(grant) is not None:
        asked = pending_reapproval_of(grant)
        way = f"{asked.number} asks for that." if asked else "Ask for it again on the page of the product."
        raise Conflict(f"This access has to be approved again before it works. {way}")
    grant.reapprove_by = None


def _ask(gap: Gap, *, by: User, last_day: date, note: str) -> AccessRequest:
    """Put one access before those who have to approve it, and say until when it stays open."""
    grant, then = gap.grant, gap.grant.request
    again = Again(
        kind=RequestKind.REAPPROVAL,
        credential=grant.credential,
        plan=grant.credential.plan,
        requester=grant.app.owner,
        items=[CartItem(product_id=grant.product_id, product=grant.product)],
        grants=[grant],
        scopes={grant.product_id: scopes_again(grant)},
        catalogue_name=then.catalogue_name,
    )
    answers, reason = answers_then([grant]), _reason(gap, last_day, note)
    judged = Judged(answers, {key: value for key, value in then.answer_origins.items() if key in answers}, [])
    request = enter_again(again, judged, by=by, reason=reason, form_ids=then.form_ids, refusal=_ASKED_ALREADY)
    if not grant.lacks_approval:  # what has stopped does not begin again by asking
        grant.reapprove_by = day_begins(last_day + timedelta(days=1))
    after = {"request": request.number, "until": grant.reapprove_by}
    record(EventKind.REAPPROVAL_ASKED, subject=grant, by=by, reason=reason, after=after)
    return request


def _reason(gap: Gap, last_day: date, note: str) -> str:
    """Why it is asked again, for those who approve and for the people of the app."""
    now_said = dict(stated_now(gap.grant.product))
    changed = [
        f"{what}: {was} when the access was given, {now_said[what]} now."
        for what, was in stated_when_approved(gap.grant)
        if now_said.get(what) != was
    ]
    stops = f"Without a new approval it stops after {last_day.day} {last_day:%B %Y}."
    told = [f"The access was given without {gap.missing}.", *changed, note, "" if gap.grant.lacks_approval else stops]
    return "\n".join(line for line in told if line)


def _lock_apps(ids: Iterable[int]) -> None:
    """An app that is being deleted or handed over gets no request; all are locked in one order."""
    query = select(DeveloperApp.id).where(DeveloperApp.id.in_(ids)).order_by(DeveloperApp.id)
    db.session.execute(query.with_for_update(key_share=True))


def _check(last_day: date, note: str) -> None:
    today = now().date()
    if not today < last_day <= today + timedelta(days=MOST_DAYS):
        raise Invalid(f"Choose a day after today, within {MOST_DAYS} days.", field="last_day")
    if len(note) > LONGEST_NOTE:
        raise Invalid(f"The text is longer than {LONGEST_NOTE:,} characters.", field="note")
