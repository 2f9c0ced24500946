"""Submitting the cart: one access request for each catalogue in it, in one transaction, once."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal import policies
from portal.access.cart import (
    CartRejected,
    Category,
    Problem,
    Remedy,
    cart_of,
    empty_cart,
    fingerprint,
    groups,
    problems,
)
from portal.access.decide import settle
from portal.access.grants import end_expired
from portal.access.models import (
    AccessRequest,
    CartItem,
    Grant,
    GrantState,
    RequestItem,
    ReviewStage,
    StageAssignee,
)
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.credentials import Credential, credentials_of
from portal.db import db, lock
from portal.errors import NotAllowed
from portal.events import EventKind, record

LONGEST_REASON = 4000


def submit(
    app: DeveloperApp,
    *,
    by: User,
    reason: str = "",
    credential: Credential | None = None,
    credential_name: str = "",
    seen: str = "",
) -> list[AccessRequest]:
    """Turn the person's cart into access requests for one of their apps, one a catalogue, and empty the cart.

    ``credential`` adds the products to that existing credential; otherwise approval issues a new one. ``seen`` is the
    ``fingerprint`` of the cart as the person saw it. Raises CartRejected with every problem found, NotAllowed for
    somebody else's app.
    """
    lock(User, by.id)  # two tabs, or ten parallel posts, wait here for each other
    if not app.is_editable_by(by):
        raise NotAllowed("You can only request access for your own apps.")
    items = cart_of(by)
    if not items:
        raise CartRejected(
            [Problem(Category.PRODUCT, "Your cart is empty. It may have been submitted in another tab.")]
        )
    if seen and seen != fingerprint(items):
        raise CartRejected(
            [Problem(Category.PRODUCT, "Your cart has changed since this page was shown. Please check it.")]
        )
    found = problems(items, by=by) + _app_problems(items, app) + _reason_problems(items, reason)
    found += _credential_problems(items, app, credential)
    if found:
        raise CartRejected(found)
    try:
        batch = uuid.uuid4().hex
        made = [
            _submit_group(group, app, by, reason.strip(), credential, credential_name, batch) for group in groups(items)
        ]
    except IntegrityError as error:
        raise CartRejected(
            [Problem(Category.APP, "The same access is being requested for this app right now.")]
        ) from error
    empty_cart(by)
    return made


def compatible_credentials(app: DeveloperApp, items: Sequence[CartItem]) -> list[Credential]:
    """The app's credentials to which these products can be added: same plan and method, none held yet (T42)."""
    if not items:
        return []
    plan_ids, methods = {i.plan_id for i in items}, {i.product.auth_method for i in items}
    held = _live_grants(app)
    return [
        credential
        for credential in credentials_of(app)
        if credential.is_live
        and {credential.plan_id} == plan_ids
        and {credential.auth_method} == methods
        and not any(g.credential_id == credential.id and g.product_id in {i.product_id for i in items} for g in held)
    ]


def _submit_group(
    items: Sequence[CartItem],
    app: DeveloperApp,
    by: User,
    reason: str,
    credential: Credential | None,
    credential_name: str,
    batch: str,
) -> AccessRequest:
    plan, products = items[0].plan, [item.product for item in items]
    request = AccessRequest(
        batch=batch,
        requester=by,
        app=app,
        plan=plan,
        catalogue_name=items[0].catalogue.name,
        auth_method=products[0].auth_method,
        credential=credential,
        credential_name=credential_name.strip(),
        reason=reason,
        items=[RequestItem(product=p, app_id=app.id, scopes=plan.scopes_for(p)) for p in products],
    )
    request.terms = _terms(request)
    request.content_hash = content_hash(request)
    decision = policies.decide(plan, products, requester=by)
    request.stages = [
        ReviewStage(
            key=spec.key,
            name=spec.name,
            because=spec.because,
            position=spec.position,
            assignees=[StageAssignee(user=reviewer) for reviewer in spec.reviewers],
        )
        for spec in decision.stages
    ]
    request.auto_approved = decision.is_automatic
    db.session.add(request)
    db.session.flush()
    record(EventKind.REQUEST_SUBMITTED, subject=request, by=by, reason=request.reason, after=_summary(request))
    settle(request, by=None, comment=decision.because)
    return request


def _summary(request: AccessRequest) -> dict[str, Any]:
    return {
        "app": request.app.name,
        "plan": request.terms["plan"],
        "products": [product.name for product in request.products],
        "automatic": request.auto_approved,
    }


def content_hash(request: AccessRequest) -> str:
    """SHA-256 over all that a reviewer decides on: who, for what app, which products and scopes, on what terms."""
    content = {
        "requester": request.requester.email,
        "app": request.app.id,
        "reason": request.reason,
        "terms": request.terms,
        "credential": request.credential.client_id if request.credential else None,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _terms(request: AccessRequest) -> dict[str, Any]:
    """The terms as shown at submission; what is approved later is this, even if the plan changes meanwhile."""
    plan = request.plan
    return {
        "plan": plan.display_name,
        "quota": [plan.quota_requests, plan.quota_period],
        "rate": [plan.rate_requests, plan.rate_seconds],
        "credential_lifetime_days": plan.credential_lifetime_days,
        "products": {item.product.slug: item.scopes for item in request.items},
    }


def _app_problems(items: Sequence[CartItem], app: DeveloperApp) -> list[Problem]:
    end_expired(app)
    held = {grant.product_id for grant in _live_grants(app)}
    asked = set(
        db.session.scalars(select(RequestItem.product_id).where(RequestItem.app_id == app.id, RequestItem.is_open))
    )
    found = []
    for item in items:
        remove = (Remedy(f"Remove {item.product.name}", (item.id,)),)
        if item.product_id in held:
            found.append(Problem(Category.APP, f"{app.name} already has access to {item.product.name}.", remove))
        elif item.product_id in asked:
            message = f"{app.name} already has a pending request for {item.product.name}."
            found.append(Problem(Category.APP, message, remove))
    return found


def _reason_problems(items: Sequence[CartItem], reason: str) -> list[Problem]:
    plan = items[0].plan
    if plan.reason_required and not reason.strip():
        return [Problem(Category.REASON, f"{plan.display_name} asks for a reason: say what you need the access for.")]
    if len(reason) > LONGEST_REASON:
        return [Problem(Category.REASON, f"The reason is longer than {LONGEST_REASON} characters.")]
    return []


def _credential_problems(items: Sequence[CartItem], app: DeveloperApp, credential: Credential | None) -> list[Problem]:
    if credential is None or credential in compatible_credentials(app, items):
        return []
    message = "These products cannot be added to that credential. Choose another one, or ask for a new one."
    return [Problem(Category.CREDENTIAL, message)]


def _live_grants(app: DeveloperApp) -> Sequence[Grant]:
    query = select(Grant).where(Grant.app_id == app.id, Grant.state == GrantState.ACTIVE)
    return db.session.scalars(query).all()
