"""Putting a request before the policy: what the policy may look at, and what is kept of what it said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, CompoundSelect, bindparam, inspect, null, select, union_all
from sqlalchemy.orm.attributes import set_committed_value

from portal import forms, policies
from portal.access.models import HELD_STATES, AccessRequest, Grant, GrantState, RequestItem, RequestStatus
from portal.access.review import PolicyDecision, ReviewStage, StageKind
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, product_owner
from portal.db import db

_PRODUCTS: BindParameter[int] = bindparam("products", expanding=True)
_PAST = select(RequestItem.product_id, AccessRequest.status).join(AccessRequest)
_PAST = _PAST.where(RequestItem.app_id == bindparam("app"), RequestItem.product_id.in_(_PRODUCTS))
_PAST = _PAST.where(AccessRequest.id != bindparam("but"))
_HELD = select(ApiProduct.slug, Grant.state).join(Grant, Grant.product_id == ApiProduct.id)
_HELD = _HELD.where(Grant.app_id == bindparam("app"), Grant.state.in_(HELD_STATES))
_OPEN = select(ApiProduct.slug, null()).join(RequestItem, RequestItem.product_id == ApiProduct.id)
_OPEN = _OPEN.where(RequestItem.app_id == bindparam("app"), RequestItem.is_open)
_HAS: CompoundSelect[Any] = union_all(_HELD, _OPEN.where(RequestItem.request_id != bindparam("but")))
_OWNED = select(product_owner).where(product_owner.c.product_id.in_(_PRODUCTS)).order_by(product_owner.c.user_id)
_OWNERS = select(User).where(User.id.in_(bindparam("people", expanding=True)))


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
    itself = but.id if but is not None and but.id is not None else 0  # no request has this key
    said: dict[RequestStatus, set[int]] = defaultdict(set)
    for product_id, status in db.session.execute(
        _PAST, {"app": app.id, "products": [product.id for product in products], "but": itself}
    ):
        said[status].add(product_id)
    has: Sequence[Any] = db.session.execute(_HAS, {"app": app.id, "but": itself}).all()
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
    owned = db.session.execute(_OWNED, {"products": [product.id for product in unread]}).all()
    people = {each.id: each for each in db.session.scalars(_OWNERS, {"people": {key for _, key in owned}})}
    for product in unread:
        owners = [people[key] for product_id, key in owned if product_id == product.id]
        set_committed_value(product, "owners", owners)
