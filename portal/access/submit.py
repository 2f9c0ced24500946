"""Submitting the cart: one access request for each catalogue in it, in one transaction, once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError

from portal.access.asking import decision_for, record_decision, stage_from
from portal.access.cart import empty_cart, fingerprint, groups, hold_cart
from portal.access.decide import settle
from portal.access.earlier import Origins
from portal.access.form import judged_answers, keep_answers
from portal.access.models import AccessRequest, CartItem, RequestItem, RequestKind, RequestStatus
from portal.access.rules import (
    CartRejected,
    Category,
    Problem,
    app_problems,
    credential_problems,
    environment_problems,
    problems,
    reason_problems,
    version_problems,
)
from portal.access.terms import content_hash, terms_of
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import Environment
from portal.credentials import Credential
from portal.db import db, lock
from portal.errors import NotAllowed
from portal.events import EventKind, record


@dataclass(frozen=True)
class _Ask:
    """What is the same for every request that comes of one cart."""

    app: DeveloperApp
    by: User
    reason: str
    environment: Environment
    answers: Mapping[str, Any]
    origins: Origins
    form_ids: Sequence[int]
    credential: Credential | None
    credential_name: str
    batch: str
    versions: Mapping[int, str]


def open_cart(*, by: User, seen: str = "") -> Sequence[CartItem]:
    """The cart that is about to be submitted, held until the transaction ends.

    Raises CartRejected when it is empty, or has changed since ``seen`` (its ``fingerprint``) was shown.
    """
    items = hold_cart(by)
    if not items:
        raise CartRejected([Problem(Category.PRODUCT, "Your cart is empty: it was submitted or emptied already.")])
    if seen and seen != fingerprint(items):
        message = (
            "Your cart, or a plan in it, has changed since this page was shown. Look at it again before you submit."
        )
        raise CartRejected([Problem(Category.PRODUCT, message)])
    return items


def submit(
    app: DeveloperApp,
    *,
    by: User,
    reason: str = "",
    credential: Credential | None = None,
    credential_name: str = "",
    seen: str = "",
    environment: Environment = Environment.TEST,
    answers: Mapping[str, Any] | None = None,
    form_ids: Sequence[int] = (),
    versions: Mapping[int, str] | None = None,
) -> list[AccessRequest]:
    """Turn the person's cart into access requests for one of their apps, one a catalogue, and empty the cart.

    ``credential`` adds the products to that existing credential; otherwise approval issues a new one. ``seen`` is the
    ``fingerprint`` of the cart as the person saw it. ``answers`` are those to the request forms ``form_ids``, as they
    were typed; ``versions`` are the versions of APIs that were chosen, by the keys of their products, instead of the
    usual ones. Raises CartRejected with every problem found, NotAllowed for somebody else's app.
    """
    made = submit_items(
        open_cart(by=by, seen=seen),
        app,
        by=by,
        reason=reason,
        credential=credential,
        credential_name=credential_name,
        environment=environment,
        answers=answers or {},
        form_ids=form_ids,
        versions=versions or {},
    )
    empty_cart(by)
    return made


def submit_items(
    items: Sequence[CartItem],
    app: DeveloperApp,
    *,
    by: User,
    reason: str,
    environment: Environment,
    answers: Mapping[str, Any],
    form_ids: Sequence[int],
    credential: Credential | None = None,
    credential_name: str = "",
    versions: Mapping[int, str],
) -> list[AccessRequest]:
    """Turn these items, of a cart or as in one, into access requests. Raises as ``submit`` does.

    The caller holds the person's cart.
    """
    locked = lock(DeveloperApp, app.id)  # an app that is being deleted gets no request
    if locked is None or not locked.is_editable_by(by):
        raise NotAllowed("You can only request access for your own apps.")
    found = problems(items, by=by) + app_problems(items, app, environment) + reason_problems(items, reason)
    found += environment_problems(items, environment)
    found += credential_problems(items, app, credential, credential_name, environment)
    judged = judged_answers(items, answers, form_ids, environment=environment, app=app, by=by)
    chosen, gone = version_problems(items, versions)
    if found := found + judged.problems + gone:
        raise CartRejected(found)
    ask = _Ask(
        app=app,
        by=by,
        reason=reason.strip(),
        environment=environment,
        answers=judged.answers,
        origins=judged.origins,
        form_ids=form_ids,
        credential=credential,
        credential_name=credential_name.strip(),
        batch=uuid.uuid4().hex,
        versions=chosen,
    )
    try:
        made = [_submit_group(group, ask) for group in groups(items)]
    except IntegrityError as error:
        message = "The same access is being requested for this app right now."
        raise CartRejected([Problem(Category.APP, message)]) from error
    keep_answers(judged.answers, by=by)
    return made


def _submit_group(items: Sequence[CartItem], ask: _Ask) -> AccessRequest:
    plan, products = items[0].plan, [item.product for item in items]
    request = AccessRequest(
        batch=ask.batch,
        kind=RequestKind.NEW,
        revision=1,
        requester=ask.by,
        app=ask.app,
        plan=plan,
        environment=ask.environment,
        answers=dict(ask.answers),
        answer_origins=dict(ask.origins),
        form_ids=list(ask.form_ids),
        catalogue_name=items[0].catalogue.name,
        auth_method=products[0].auth_method,
        credential=ask.credential,
        credential_name=ask.credential_name,
        reason=ask.reason,
        items=[
            RequestItem(
                product=p,
                app_id=ask.app.id,
                environment=ask.environment,
                scopes=plan.scopes_for(p),
                api_version=ask.versions.get(p.id, ""),
            )
            for p in products
        ],
    )
    return enter_review(request, by=ask.by)


def enter_review(request: AccessRequest, *, by: User) -> AccessRequest:
    """Put a new request before the policy: it is stored, and approved or denied at once, or its first stages open."""
    request.terms = terms_of(request)
    request.content_hash = content_hash(request)
    with db.session.no_autoflush:
        decision = decision_for(request)
    request.stages = [stage_from(spec) for spec in decision.stages]
    request.auto_approved = decision.is_automatic
    db.session.add(request)
    db.session.flush()
    record(EventKind.REQUEST_SUBMITTED, subject=request, by=by, reason=request.reason, after=_summary(request))
    record_decision(request, decision)
    if decision.denied:
        request.move_to(RequestStatus.DENIED)
        record(EventKind.REQUEST_DENIED, subject=request, by=None, reason=decision.because)
    else:
        settle(request, by=None, comment=decision.because)
    return request


def _summary(request: AccessRequest) -> dict[str, Any]:
    kind = {} if request.kind is RequestKind.NEW else {"kind": request.kind}
    return kind | {
        "app": request.app.name,
        "environment": request.environment,
        "plan": request.terms["plan"],
        "products": [product.name for product in request.products],
        "automatic": request.auto_approved,
    }
