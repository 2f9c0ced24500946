"""What exactly is decided: the terms of a request as they stand, and the hash that binds an answer to them (I6).

A grant keeps a snapshot of the terms that were approved, with a hash of its own, so that what an app has can be
compared with what was approved however plan, product and policy change since.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select

from portal.access.models import AccessRequest, Grant, RequestItem
from portal.access.review import PolicyDecision
from portal.catalog import TermsOfUse, choosable, versions_of
from portal.db import db

_LAST_DECISION = select(PolicyDecision).where(PolicyDecision.request_id == bindparam("request"))
_LAST_DECISION = _LAST_DECISION.order_by(PolicyDecision.revision.desc()).limit(1)
_OF_USE = select(TermsOfUse.product_id, func.max(TermsOfUse.number)).group_by(TermsOfUse.product_id)
_OF_USE = _OF_USE.where(TermsOfUse.product_id.in_(bindparam("products", expanding=True)))


def terms_of(request: AccessRequest) -> dict[str, Any]:
    """The terms as shown at submission, or as narrowed since; what is approved is this, even if the plan changes."""
    plan = request.plan
    terms: dict[str, Any] = {
        "plan": plan.display_name,
        "quota": [plan.quota_requests, plan.quota_period],
        "rate": [plan.rate_requests, plan.rate_seconds],
        "credential_lifetime_days": plan.credential_lifetime_days,
        "products": {item.product.slug: item.granted_scopes for item in request.standing_items},
    }
    if versions := {item.product.slug: item.api_version for item in request.standing_items if item.api_version}:
        terms["versions"] = versions
    if request.ends_on is not None:
        terms["ends_on"] = request.ends_on.isoformat()
    return terms


def content_hash(request: AccessRequest) -> str:
    """SHA-256 over all that a reviewer decides on: who, for what app, which products and scopes, on what terms."""
    return canonical_hash(
        {
            "requester": request.requester.email,
            "app": request.app.id,
            "environment": request.environment,
            "answers": request.answers,
            "reason": request.reason,
            "terms": request.terms,
            "credential": request.credential.client_id if request.credential else None,
        }
    )


def canonical_hash(content: dict[str, Any]) -> str:
    """SHA-256 of the one JSON text of this content: keys in order, no blanks, UTF-8."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def seal_terms(grant: Grant, *, policy_version: str, terms_of_use: int | None) -> None:
    """Write the approved terms into a new grant, with their hash."""
    request, product = grant.request, grant.product
    version = next((item.api_version for item in request.items if item.product is product), "")
    grant.terms = {
        "request": request.number,
        "revision": request.revision,
        "product": {"slug": product.slug, "name": product.name} | ({"version": version} if version else {}),
        "plan": {"slug": grant.plan.slug, "name": request.terms["plan"]},
        "quota": request.terms["quota"],
        "rate": request.terms["rate"],
        "scopes": grant.scopes,
        "environment": grant.environment.value,
        "auth_method": request.auth_method.value,
        "starts_at": grant.starts_at.isoformat(),
        "ends_at": grant.ends_at.isoformat() if grant.ends_at is not None else None,
        "conditions": grant.conditions,
        "forms": request.form_ids,
        "policy_version": policy_version,
        "terms_of_use": terms_of_use,
        "data": {
            "classification": product.classification.value,
            "legal_basis": product.legal_basis.value if product.legal_basis is not None else None,
            "regions": product.regions,
        },
    }
    grant.terms_hash = canonical_hash(grant.terms)


def is_as_approved(grant: Grant) -> bool:
    """Whether the terms still have the hash that they were approved with, and the access is what they say."""
    if not grant.terms_hash:
        return True  # it is older than the snapshots
    same = grant.scopes == grant.terms["scopes"] and grant.conditions == grant.terms["conditions"]
    ends = grant.ends_at.isoformat() if grant.ends_at is not None else None
    return same and ends == grant.terms["ends_at"] and canonical_hash(grant.terms) == grant.terms_hash


def versions_again(grants: Sequence[Grant]) -> dict[int, str]:
    """The version of each API that is asked for again: the one that was had, or the usual one where that has ended."""
    offered = {key: choosable(known) for key, known in versions_of([grant.product for grant in grants]).items()}
    had = {grant.product_id: str(grant.terms.get("product", {}).get("version", "")) for grant in grants}
    found = {}
    for key, versions in offered.items():
        numbers = [version.number for version in versions]
        found[key] = had[key] if had[key] in numbers else next(iter(numbers), "")
    return found


def last_decision(request: AccessRequest) -> PolicyDecision | None:
    """What the policy said last of a request; of a revision before this one where a reviewer has narrowed it since."""
    return db.session.scalars(_LAST_DECISION, {"request": request.id}).one_or_none()


def terms_of_use_now(items: Iterable[RequestItem]) -> dict[int, int]:
    """The number of the terms of use in force, by product; products without any are left out."""
    rows = db.session.execute(_OF_USE, {"products": [item.product_id for item in items]})
    return {row[0]: row[1] for row in rows}
