"""Access that was given without an approval for which the policy asks now (C130).

A product's data becomes more delicate, it gets a scope that reveals more, or the policy gets stricter: what was given
before stays as it is, and this says of which access it is so. Each is judged as if it was asked for again now, with the
answers that were given then, in the name of who has the app today. A stage that it has passed once, or that the access
passed from which it goes on, is not asked for a second time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import CompoundSelect, null, or_, select, union_all
from sqlalchemy.orm import aliased, joinedload

from portal import forms, policies
from portal.access.again import answers_then
from portal.access.asking import asked_attributes, load_owners
from portal.access.models import (
    HELD_STATES,
    AccessRequest,
    Grant,
    GrantState,
    RequestItem,
    RequestKind,
    RequestStatus,
)
from portal.access.review import ReviewStage, StageState
from portal.accounts import Right, User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, PlanState, may_edit_product
from portal.db import db, now
from portal.policies import History, Outcome, joined

AT_A_GLANCE, AT_A_TIME = 200, 500
ENOUGH_TO_ASK = 200


@dataclass(frozen=True)
class Gap:
    """An access, and what today's policy asks for that it never had.

    ``denied`` is why the policy would not allow it at all; ``pending`` is the request about it that waits for an
    answer; ``hindrance`` is why nobody could approve it now.
    """

    grant: Grant
    stages: tuple[str, ...]
    denied: str = ""
    pending: AccessRequest | None = None
    hindrance: str = ""

    @property
    def can_be_asked(self) -> bool:
        """Whether asking again would bring it before those who have to approve it."""
        return not (self.denied or self.pending or self.hindrance)

    @property
    def missing(self) -> str:
        """What it never had, in the middle of a sentence: "the Owner and Security stages"."""
        return _stages_in_words(self.stages)


@dataclass(frozen=True)
class Gaps:
    """What was found among the accesses to a product, the oldest first; ``whole`` unless some were not looked at."""

    found: tuple[Gap, ...]
    whole: bool = True

    @property
    def to_ask(self) -> list[Gap]:
        """Those that can be asked again."""
        return [gap for gap in self.found if gap.can_be_asked]

    @property
    def in_words(self) -> str:
        """How many there are, and what they lack, in a sentence or two; empty when there is none."""
        lacking = Counter(gap.missing for gap in self.found if not gap.denied)
        told = [f"{_accesses(number)} given without {what}." for what, number in lacking.items()]
        denied = sum(bool(gap.denied) for gap in self.found)
        told += [f"{_accesses(denied)} given that the policy would deny now."] if denied else []
        return " ".join(told)


def may_see_gaps(product: ApiProduct, person: User) -> bool:
    """Whether this person may know what access to this product lacks: its owners, and who sees every request."""
    return may_edit_product(product, person) or person.may(Right.SEE_ALL_REQUESTS)


def gaps_of(product: ApiProduct, *, glance: bool = False, fresh: bool = False) -> Gaps:
    """The accesses to this product that lack an approval now, the oldest first: all, or enough to ask about at once.

    A ``glance`` looks at the oldest 200 only. ``fresh`` reads everything anew, for whoever has just waited for a lock.
    A dozen queries for each five hundred accesses.
    """
    found: list[Gap] = []
    size, after = AT_A_GLANCE if glance else AT_A_TIME, 0
    while True:
        held = _held(Grant.product_id == product.id, Grant.id > after, most=size + 1, fresh=fresh)
        found += _gaps_among(product, held[:size])
        if len(held) <= size:
            return Gaps(tuple(found))
        if glance or sum(gap.can_be_asked for gap in found) >= ENOUGH_TO_ASK:
            return Gaps(tuple(found), whole=False)
        after = held[size - 1].id


def gap_of(grant: Grant) -> Gap | None:
    """What this one access lacks now; None when the policy asks for nothing that it has not had."""
    return next(iter(_gaps_among(grant.product, _held(Grant.id == grant.id))), None)


def _held(*where: Any, most: int = 1, fresh: bool = False) -> Sequence[Grant]:
    """What is held, suspended or not, and came by a request that somebody could ask again."""
    query = select(Grant).join(AccessRequest, AccessRequest.id == Grant.request_id)
    query = query.join(DeveloperApp, DeveloperApp.id == Grant.app_id)
    query = query.where(
        *where,
        Grant.state.in_(HELD_STATES),
        or_(Grant.ends_at.is_(None), Grant.ends_at > now()),
        AccessRequest.kind != RequestKind.BREAK_GLASS,
        DeveloperApp.deleted_at.is_(None),
    )
    query = query.options(
        joinedload(Grant.request),
        joinedload(Grant.app).joinedload(DeveloperApp.owner),
        joinedload(Grant.product),
        joinedload(Grant.credential),
    )
    query = query.order_by(Grant.id).limit(most).execution_options(populate_existing=fresh)
    return db.session.scalars(query).unique().all()


def _gaps_among(product: ApiProduct, held: Sequence[Grant]) -> Iterable[Gap]:
    if not held:
        return
    load_owners([product])
    force, templates = policies.in_force([product.id]), policies.stage_templates()
    passed, open_now = _passed(held), _open_about(product, held)
    histories, form_attributes = _histories(product, held), cache(asked_attributes)
    for grant in held:
        answers, form_ids = answers_then([grant]), tuple(grant.request.form_ids)
        ask = policies.Ask(
            requester=grant.app.owner,
            plan=grant.credential.plan,
            products=[product],
            environment=grant.environment,
            app=grant.app,
            scopes={product.id: scopes_again(grant)},
            answers=forms.told_by(form_ids, answers),
            asked=form_attributes(form_ids),
            history=histories[grant.app_id],
            kind=RequestKind.REAPPROVAL.value,
        )
        facts = {product.id: policies.facts_for(ask, product)}
        _, specs, whole = policies.rule_on_ask(ask, force, facts, templates)
        denied = " ".join(whole.becauses) if whole.outcome is Outcome.DENY else ""
        missing = [spec.name for spec in specs if spec.key not in passed[grant.id]]
        if missing or denied:
            pending = open_now.get((grant.app_id, grant.environment))
            yield Gap(grant, tuple(missing), denied, pending, _hindrance(grant))


def scopes_again(grant: Grant) -> list[str]:
    """The scopes that an access would go on with: those that it has, as far as its plan still opens them."""
    return [scope for scope in grant.credential.plan.scopes_for(grant.product) if scope in grant.scopes]


def _hindrance(grant: Grant) -> str:
    """Why nobody could approve this again as things stand."""
    product, credential, owner = grant.product, grant.credential, grant.app.owner
    if not credential.is_live:
        return "Its credential has ended."
    if not owner.active:
        return f"The account of {owner.display_name} is closed. Give the app to somebody else, or revoke the access."
    if credential.plan.state is PlanState.RETIRED:
        return f"The plan {credential.plan.display_name} has been retired."
    if not product.is_open:
        return f"{product.name} has been retired."
    if product.auth_method is not credential.auth_method:
        return f"{product.name} has another authentication method now."
    if grant.scopes and not scopes_again(grant):
        return f"{credential.plan.display_name} opens none of its scopes any more."
    return ""


def _passed(held: Sequence[Grant]) -> Mapping[int, set[str]]:
    """By access the stages that were approved for it, or for an access that it goes on from."""
    first = select(Grant.id.label("grant_id"), Grant.request_id, Grant.renews_id)
    chain = first.where(Grant.id.in_([grant.id for grant in held])).cte("chain", recursive=True)
    older = aliased(Grant)
    before = select(chain.c.grant_id, older.request_id, older.renews_id).join(older, older.id == chain.c.renews_id)
    chain = chain.union_all(before)
    query = select(chain.c.grant_id, ReviewStage.key, ReviewStage.product_ids)
    query = query.join(ReviewStage, ReviewStage.request_id == chain.c.request_id)
    products, found = {grant.id: grant.product_id for grant in held}, defaultdict[int, set[str]](set)
    for grant_id, key, product_ids in db.session.execute(query.where(ReviewStage.state == StageState.APPROVED)):
        if not product_ids or products[grant_id] in product_ids:
            found[grant_id].add(key)
    return found


def _open_about(product: ApiProduct, held: Sequence[Grant]) -> Mapping[tuple[int, Any], AccessRequest]:
    """The requests that wait for an answer about this product, by app and environment (I1: one each)."""
    query = select(RequestItem).where(RequestItem.product_id == product.id, RequestItem.is_open)
    query = query.where(RequestItem.app_id.in_(_apps_of(held))).options(joinedload(RequestItem.request))
    return {(item.app_id, item.environment): item.request for item in db.session.scalars(query)}


def _histories(product: ApiProduct, held: Sequence[Grant]) -> Mapping[int, History]:
    """What each app was told about this product before, and what it has: ``history_of_app`` for many apps at once."""
    apps = _apps_of(held)
    past = select(RequestItem.app_id, AccessRequest.status).join(AccessRequest)
    past = past.where(RequestItem.product_id == product.id, RequestItem.app_id.in_(apps))
    said: dict[int, set[RequestStatus]] = defaultdict(set)
    for app_id, status in db.session.execute(past):
        said[app_id].add(status)
    holds = select(Grant.app_id, ApiProduct.slug, Grant.state).join(ApiProduct, ApiProduct.id == Grant.product_id)
    holds = holds.where(Grant.app_id.in_(apps), Grant.state.in_(HELD_STATES))
    asks = select(RequestItem.app_id, ApiProduct.slug, null()).join(ApiProduct, ApiProduct.id == RequestItem.product_id)
    has: dict[int, list[tuple[str, Any]]] = defaultdict(list)
    asks = asks.where(RequestItem.app_id.in_(apps), RequestItem.is_open)
    both: CompoundSelect[Any] = union_all(holds, asks)
    for app_id, slug, state in db.session.execute(both).all():
        has[app_id].append((slug, state))
    about = frozenset({product.id})
    return {
        app_id: History(
            approved=about if RequestStatus.APPROVED in said[app_id] else frozenset(),
            rejected=about if RequestStatus.REJECTED in said[app_id] else frozenset(),
            grants=sum(state == GrantState.ACTIVE for _, state in has[app_id]),
            products=frozenset(slug for slug, _ in has[app_id]),
        )
        for app_id in apps
    }


def _apps_of(held: Sequence[Grant]) -> set[int]:
    return {grant.app_id for grant in held}


def _stages_in_words(names: Sequence[str]) -> str:
    return f"the {joined(list(names), 'and')} {'stage' if len(names) == 1 else 'stages'} that the policy asks for now"


def _accesses(number: int) -> str:
    return f"{number:,} {'access was' if number == 1 else 'accesses were'}"
