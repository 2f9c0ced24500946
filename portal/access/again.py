"""Asking again for access that is held, on the same credential: what renewal, change of plan and re-approval share.

The request is made from what is held, not from a cart, and goes the way of every request from there on.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError

from portal import forms, policies
from portal.access.asking import asked_attributes, history_of_app, load_owners
from portal.access.form import Judged
from portal.access.models import AccessRequest, CartItem, Grant, RequestItem, RequestKind
from portal.access.outlook import Outlook, outlook_of
from portal.access.submit import enter_review
from portal.access.terms import versions_again
from portal.accounts import User
from portal.catalog import Catalogue, Plan
from portal.credentials import Credential
from portal.errors import Conflict


@dataclass(frozen=True)
class Again:
    """What is asked for again: ``items`` as in a cart, one for each of the ``grants``; ``scopes`` by product.

    ``catalogue_name`` is where it was found, for items that lie in no catalogue.
    """

    kind: RequestKind
    credential: Credential
    plan: Plan
    requester: User
    items: Sequence[CartItem]
    grants: Sequence[Grant]
    scopes: Mapping[int, list[str]]
    catalogue_name: str = ""


def item_like(grant: Grant, plan: Plan, catalogue: Catalogue) -> CartItem:
    """The held product as it would lie in a cart, on this plan; never stored."""
    return CartItem(
        id=0,
        product_id=grant.product_id,
        plan_id=plan.id,
        catalogue_id=catalogue.id,
        product=grant.product,
        plan=plan,
        catalogue=catalogue,
    )


def answers_then(grants: Iterable[Grant]) -> dict[str, Any]:
    """What the app's owner answered to the request forms when they asked for this access; of two answers the later.

    What somebody answered who had the app before is theirs: the new owner sees nothing of it, and answers anew.
    """
    own = [grant.request for grant in grants if grant.request.requester_id == grant.app.owner_id]
    return {key: value for request in own for key, value in request.answers.items()}


def foresee_again(again: Again, *, form_ids: Sequence[int], answers: Mapping[str, Any]) -> Outlook:
    """Who would decide about it if it was asked for now, and why."""
    app, products = again.credential.app, [item.product for item in again.items]
    load_owners(products)
    ask = policies.Ask(
        requester=again.requester,
        plan=again.plan,
        products=products,
        environment=again.credential.environment,
        app=app,
        scopes=again.scopes,
        answers=forms.told_by(form_ids, answers),
        asked=asked_attributes(form_ids),
        history=history_of_app(app, products),
        kind=again.kind.value,
    )
    return outlook_of(ask)


def enter_again(
    again: Again, judged: Judged, *, by: User, reason: str, form_ids: Sequence[int], refusal: str
) -> AccessRequest:
    """The request for it, in review now. Raises Conflict with ``refusal`` when somebody was quicker."""
    request = _request(again, judged, reason=reason, form_ids=form_ids)
    try:
        enter_review(request, by=by)
    except IntegrityError as error:
        raise Conflict(refusal) from error
    forms.seal(forms.attachment_ids(judged.answers), by=again.requester)
    return request


def _request(again: Again, judged: Judged, *, reason: str, form_ids: Sequence[int]) -> AccessRequest:
    credential, versions = again.credential, versions_again(again.grants)
    return AccessRequest(
        batch=uuid.uuid4().hex,
        kind=again.kind,
        revision=1,
        requester=again.requester,
        app=credential.app,
        plan=again.plan,
        environment=credential.environment,
        answers=dict(judged.answers),
        answer_origins=dict(judged.origins),
        form_ids=list(form_ids),
        catalogue_name=again.catalogue_name or again.items[0].catalogue.name,
        auth_method=credential.auth_method,
        credential=credential,
        credential_name=credential.name,
        reason=reason.strip(),
        items=[
            RequestItem(
                product=item.product,
                app_id=credential.app_id,
                environment=credential.environment,
                scopes=again.scopes[item.product_id],
                api_version=versions[item.product_id],
            )
            for item in again.items
        ],
    )
