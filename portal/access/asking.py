"""Putting a request before the policy: what the policy may look at, and what is kept of what it said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import inspect, null, select, union_all
from sqlalchemy.orm.attributes import set_committed_value

from portal import forms, policies
from portal.access.models import HELD_STATES, AccessRequest, Grant, GrantState, RequestItem, RequestStatus
from portal.access.review import PolicyDecision, ReviewStage, StageKind
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, product_owner
from portal.db import db


def ask_of(request: AccessRequest) -> policies.Ask:
    """All of a request that a policy may look at."""
    items = request.standing_items
    products = [item.product for item in items]
    load_owners(products)
    return policies.Ask(
        requester=request.requester,
        plan=request.plan,
        products=products,
        environment=request.environment,
        app=request.app,
        scopes={item.product.id: item.granted_scopes for item in items},
        answers=forms.told_by(request.form_ids, request.answers),
        asked=asked_attributes(request.form_ids),
        history=history_of_app(request.app, products, but=request),
        kind=request.kind.value,
    )


def decision_for(request: AccessRequest) -> policies.Decision:
    """What the policies in force say of a request as it stands."""
    return policies.decide(ask_of(request))


def record_decision(request: AccessRequest, decision: policies.Decision) -> None:
    """Keep what the policy said of this revision, and on what facts, for good (I16)."""
    db.session.add(
        PolicyDecision(
            request_id=request.id,
            revision=request.revision,
            policy_version=decision.policy_version,
            facts=list(decision.facts),
            outcome=decision.outcome,
            stages=[stage.key for stage in decision.stages],
            matched=list(decision.matched),
            errors=list(decision.errors),
        )
    )


def stage_from(spec: policies.StageSpec) -> ReviewStage:
    """A stage of a request as the policy wants it, not open yet. It has no people yet, and nobody needs to look."""
    return ReviewStage(
        key=spec.key,
        name=spec.name,
        because=spec.because,
        kind=StageKind(spec.template.get("kind", StageKind.APPROVAL)),
        template=dict(spec.template),
        product_ids=list(spec.product_ids),
        position=spec.position,
        assignees=[],
        reviews=[],
        questions=[],
    )


def asked_attributes(form_ids: Sequence[int]) -> frozenset[str]:
    """The attributes for which these forms have a field: what is missing among them was asked and not answered."""
    if not form_ids:
        return frozenset()
    fields = forms.ask(forms.forms_by_id(form_ids)).fields
    return frozenset(field.feeds.value for field in fields if field.feeds)


def history_of_app(
    app: DeveloperApp, products: Sequence[ApiProduct], *, but: AccessRequest | None = None
) -> policies.History:
    """What was said to this app about these products before, and how much it has now."""
    past = select(RequestItem.product_id, AccessRequest.status).join(AccessRequest)
    past = past.where(RequestItem.app_id == app.id, RequestItem.product_id.in_([p.id for p in products]))
    if but is not None and but.id is not None:
        past = past.where(AccessRequest.id != but.id)
    said: dict[RequestStatus, set[int]] = defaultdict(set)
    for product_id, status in db.session.execute(past):
        said[status].add(product_id)
    held = select(ApiProduct.slug, Grant.state).join(Grant, Grant.product_id == ApiProduct.id)
    held = held.where(Grant.app_id == app.id, Grant.state.in_(HELD_STATES))
    asked = select(ApiProduct.slug, null()).join(RequestItem, RequestItem.product_id == ApiProduct.id)
    asked = asked.where(RequestItem.app_id == app.id, RequestItem.is_open)
    if but is not None and but.id is not None:
        asked = asked.where(RequestItem.request_id != but.id)
    has: Sequence[Any] = db.session.execute(union_all(held, asked)).all()
    return policies.History(
        approved=frozenset(said[RequestStatus.APPROVED]),
        rejected=frozenset(said[RequestStatus.REJECTED]),
        grants=sum(state == GrantState.ACTIVE for _, state in has),
        products=frozenset(slug for slug, _ in has),
    )


def load_owners(products: Sequence[ApiProduct]) -> None:
    """Read the owners of all products at once, and not of each when it is looked at."""
    unread = [product for product in products if "owners" in inspect(product).unloaded]
    if not unread:
        return
    query = select(product_owner.c.product_id, User).join(User, User.id == product_owner.c.user_id)
    query = query.where(product_owner.c.product_id.in_([product.id for product in unread])).order_by(User.id)
    owners: dict[int, list[User]] = defaultdict(list)
    for product_id, person in db.session.execute(query):
        owners[product_id].append(person)
    for product in unread:
        set_committed_value(product, "owners", owners[product.id])
