"""Renewing: asking to go on with what a credential opens, on the terms of today, before it ends (C75, C76).

A renewal is a request like any other: the policy and the forms in force judge it, and while it waits the old access
goes on to its own end. Once approved it takes the place of the old access, on the same credential. What has ended is
not renewed but asked for anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal import forms
from portal.access.again import Again, answers_then, enter_again, foresee_again, item_like
from portal.access.form import form_of, judged_answers
from portal.access.models import (
    HELD_STATES,
    AccessRequest,
    CartItem,
    Grant,
    GrantState,
    RequestItem,
    RequestKind,
    RequestStatus,
)
from portal.access.outlook import Outlook
from portal.access.rules import CartRejected, reason_problems
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import Catalogue, offers_for
from portal.credentials import Credential
from portal.db import db, lock, now
from portal.errors import Conflict, NotAllowed

ENDED = "This access has ended. Choose the API products in the catalogue and ask for them again."
ASKED_ALREADY = "Somebody has just asked for this. Look at My requests."


@dataclass(frozen=True)
class Renewal:
    """What a renewal of a credential would ask for now; ``refusal`` says why there can be none.

    ``items`` are as in a cart and never stored; ``left_out`` are accesses that would end all the same, each with why.
    """

    credential: Credential
    items: tuple[CartItem, ...]
    grants: tuple[Grant, ...]
    left_out: tuple[tuple[Grant, str], ...]
    refusal: str = ""
    pending: AccessRequest | None = None

    @property
    def ends_at(self) -> datetime | None:
        """When the first of it ends."""
        return min((end for grant in self.grants if (end := end_of(grant)) is not None), default=None)

    @property
    def previous(self) -> AccessRequest | None:
        """The latest request from which the access came."""
        return self.grants[-1].request if self.grants else None

    @property
    def answers(self) -> dict[str, Any]:
        """What was answered to the request forms then; of two answers the later."""
        return answers_then(self.grants)

    @property
    def mark(self) -> str:
        """What changes when what is asked for does; the page brings it back."""
        told = [(i.product_id, i.plan_id, i.plan.version, self.scopes[i.product_id]) for i in self.items]
        return hashlib.sha256(repr(told).encode()).hexdigest()[:24]

    @property
    def scopes(self) -> dict[int, list[str]]:
        """The scopes that would be asked for, by product: those that are held, as far as the plan still opens them."""
        held = {grant.product_id: set(grant.scopes) for grant in self.grants}
        return {
            item.product_id: [s for s in item.plan.scopes_for(item.product) if s in held[item.product_id]]
            for item in self.items
        }

    def asked_by(self, person: User) -> Again:
        """What would be asked for, in this person's name."""
        return Again(
            kind=RequestKind.RENEWAL,
            credential=self.credential,
            plan=self.credential.plan,
            requester=person,
            items=self.items,
            grants=self.grants,
            scopes=self.scopes,
        )


def end_of(grant: Grant) -> datetime | None:
    """When an access ends by itself: at its own end or with its credential, whichever comes first."""
    ends = [end for end in (grant.ends_at, grant.credential.expires_at) if end is not None]
    return min(ends, default=None)


def notice_times(starts_at: datetime, ends_at: datetime, days: Iterable[int]) -> dict[int, datetime]:
    """When each notice of an end is due, by days; only those that fit into the time between start and end."""
    times = {each: ends_at - timedelta(days=each) for each in days}
    return {each: moment for each, moment in times.items() if moment > starts_at}


def renewable_from(grant: Grant, days: Iterable[int]) -> datetime | None:
    """From when on an access can be renewed: its first notice, or its start if it is too short for any."""
    end = end_of(grant)
    if end is None:
        return None
    return min(notice_times(grant.starts_at, end, days).values(), default=grant.starts_at)


def renewable_credentials(
    grants: Iterable[Grant], days: Sequence[int], *, without: Iterable[int] = ()
) -> dict[int, datetime]:
    """The credentials of those of these accesses that stand and can be renewed now, each with its first end."""
    found: dict[int, datetime] = {}
    for grant in grants:
        end = end_of(grant)
        if end is not None and grant.is_live and grant.credential_id not in without and _is_time(grant, days):
            found[grant.credential_id] = min(end, found.get(grant.credential_id, end))
    return found


def renewal_of(credential: Credential, *, days: Sequence[int]) -> Renewal:
    """What renewing this credential would come to now. ``days`` are those at which notices go out."""
    held = _held(credential)
    live = [grant for grant in held if grant.state is GrantState.ACTIVE and _stands(grant)]
    soon = [grant for grant in live if _is_time(grant, days)]
    nothing = _why_nothing(credential, held, live, soon, days)
    if nothing:
        return Renewal(credential, (), (), (), nothing)
    last = max(end for grant in soon if (end := end_of(grant)) is not None)
    ending = [grant for grant in live if (end := end_of(grant)) is not None and end <= last]
    pending = _open_request(credential, ending)
    if pending is not None:
        refusal = f"{pending.number} asks for this already."
        return Renewal(credential, (), tuple(ending), (), refusal, pending)
    return _with_items(credential, ending, [grant for grant in held if grant not in live])


def renew(
    credential: Credential,
    *,
    by: User,
    days: Sequence[int],
    reason: str = "",
    answers: Mapping[str, Any] | None = None,
    form_ids: Sequence[int] = (),
    seen: str = "",
) -> AccessRequest:
    """Ask to go on with what ends soon on this credential: a request of its own, judged by the policy of now.

    ``seen`` is the ``mark`` of the renewal as it was shown. Raises NotAllowed for somebody else's app, Conflict when
    nothing can be renewed (any more) or it differs from what was shown, CartRejected with what is missing.
    """
    app = lock(DeveloperApp, credential.app_id)  # an app that is being deleted gets no request
    held = lock(Credential, credential.id)
    if app is None or held is None or not app.is_editable_by(by):
        raise NotAllowed("Only the owner of an app can renew its access.")
    renewal = renewal_of(held, days=days)
    if renewal.refusal:
        raise Conflict(renewal.refusal)
    if seen and seen != renewal.mark:
        raise Conflict("What can be renewed has changed since this page was shown. Look at it again.")
    environment = held.environment
    judged = judged_answers(renewal.items, answers or {}, form_ids, environment=environment, app=app, by=by)
    if found := reason_problems(renewal.items, reason) + judged.problems:
        raise CartRejected(found)
    asked = renewal.asked_by(by)
    return enter_again(asked, judged, by=by, reason=reason, form_ids=form_ids, refusal=ASKED_ALREADY)


def form_of_renewal(renewal: Renewal) -> forms.Ask:
    """What the request forms in force now ask for a renewal."""
    return form_of(renewal.items, renewal.credential.environment)


def foresee_renewal(renewal: Renewal, *, by: User, form_ids: Sequence[int], answers: Mapping[str, Any]) -> Outlook:
    """Who would decide about a renewal that was asked for now, and why."""
    return foresee_again(renewal.asked_by(by), form_ids=form_ids, answers=answers)


def grants_renewed_by(request: AccessRequest) -> Sequence[Grant]:
    """The access that a renewal, another plan or a re-approval goes on from: what it replaced, or what it would."""
    if request.kind in {RequestKind.NEW, RequestKind.BREAK_GLASS} or request.credential_id is None:
        return []
    replaced = select(Grant.renews_id).where(Grant.request_id == request.id, Grant.renews_id.is_not(None))
    wanted = list(db.session.scalars(replaced))
    query = select(Grant).options(joinedload(Grant.product), joinedload(Grant.request), joinedload(Grant.credential))
    if wanted:
        return db.session.scalars(query.where(Grant.id.in_(wanted)).order_by(Grant.id)).all()
    products = [item.product_id for item in request.items]
    mine = (Grant.credential_id == request.credential_id, Grant.product_id.in_(products), Grant.request_id < request.id)
    latest = {grant.product_id: grant for grant in db.session.scalars(query.where(*mine).order_by(Grant.id))}
    return list(latest.values())


def ended_together(grant: Grant) -> Sequence[Grant]:
    """What ended by itself at the same moment as this access, on the same credential, this one included."""
    query = select(Grant).where(Grant.credential_id == grant.credential_id, Grant.ends_at == grant.ends_at)
    query = query.where(Grant.state.in_([*HELD_STATES, GrantState.EXPIRED])).order_by(Grant.id)
    return db.session.scalars(query.options(joinedload(Grant.product))).all()


def pending_renewal_of(credential: Credential) -> AccessRequest | None:
    """The renewal of this credential that nobody has decided yet."""
    query = select(AccessRequest).where(
        AccessRequest.credential_id == credential.id,
        AccessRequest.kind == RequestKind.RENEWAL,
        AccessRequest.status == RequestStatus.PENDING,
    )
    return db.session.scalars(query.limit(1)).first()


def _why_nothing(
    credential: Credential, held: Sequence[Grant], live: Sequence[Grant], soon: Sequence[Grant], days: Sequence[int]
) -> str:
    """Why there is nothing to renew now; empty when there is."""
    if not credential.is_live or not any(_stands(grant) for grant in held):
        return ENDED
    if soon:
        return ""
    if not live:
        return "This access is suspended. It can be renewed once it is resumed."
    starts = [start for grant in live if (start := renewable_from(grant, days)) is not None]
    if not starts:
        return "This access does not end, so there is nothing to renew."
    first = min(starts)
    return f"It is too early: this access can be renewed from {first.day} {first:%B %Y} on."


def _with_items(credential: Credential, ending: Sequence[Grant], others: Sequence[Grant]) -> Renewal:
    """The renewal of these accesses, without those that cannot be had any more."""
    offered = {
        (offer.product.id, offer.catalogue.name): offer.catalogue
        for offer in offers_for([grant.product for grant in ending])
        if offer.plan.id == credential.plan_id
    }
    items, grants, left = [], [], [(grant, "It is suspended.") for grant in others]
    for grant in ending:
        shelves = [shelf for (product_id, _), shelf in offered.items() if product_id == grant.product_id]
        if why := _why_not(grant, credential, shelves):
            left.append((grant, why))
            continue
        grants.append(grant)
        shelf = offered.get((grant.product_id, grant.request.catalogue_name), shelves[0])
        items.append(item_like(grant, credential.plan, shelf))
    refusal = "" if items else f"This access cannot be renewed. {left[-1][1]}"
    return Renewal(credential, tuple(items), tuple(grants), tuple(left), refusal)


def _why_not(grant: Grant, credential: Credential, shelves: Sequence[Catalogue]) -> str:
    product, plan = grant.product, credential.plan
    if not product.is_requestable:
        return f"{product.name} {'has been retired' if not product.is_open else 'cannot be requested any more'}."
    if product.auth_method is not credential.auth_method:
        return f"{product.name} has another authentication method now. Ask for it anew."
    if credential.environment not in product.environments:
        return f"{product.name} is no longer offered in {credential.environment.label.lower()}."
    if not shelves:
        return f"{plan.display_name} is no longer offered for {product.name}. Ask for it on another plan."
    if grant.scopes and not set(grant.scopes) & set(plan.scopes_for(product)):
        return f"{plan.display_name} opens none of its scopes any more. Ask for {product.name} anew."
    return ""


def _held(credential: Credential) -> Sequence[Grant]:
    """What is held on this credential, suspended or not, the oldest first; an emergency is nothing to renew."""
    query = select(Grant).join(AccessRequest, AccessRequest.id == Grant.request_id)
    query = query.where(Grant.credential_id == credential.id, Grant.state.in_(HELD_STATES))
    query = query.where(AccessRequest.kind != RequestKind.BREAK_GLASS).order_by(Grant.id)
    return db.session.scalars(query.options(joinedload(Grant.product), joinedload(Grant.request))).all()


def _open_request(credential: Credential, grants: Sequence[Grant]) -> AccessRequest | None:
    """The request, of whatever kind, that waits for an answer about one of these products (I1)."""
    query = (
        select(AccessRequest)
        .join(RequestItem, RequestItem.request_id == AccessRequest.id)
        .where(
            RequestItem.app_id == credential.app_id,
            RequestItem.environment == credential.environment,
            RequestItem.product_id.in_([grant.product_id for grant in grants]),
            RequestItem.is_open,
        )
    )
    return db.session.scalars(query.order_by(AccessRequest.id).limit(1)).first()


def _stands(grant: Grant) -> bool:
    """Whether its time is not over; a suspended access may still stand in this sense."""
    end = end_of(grant)
    return end is None or now() < end


def _is_time(grant: Grant, days: Iterable[int]) -> bool:
    first = renewable_from(grant, days)
    return first is not None and first <= now()
