"""What exactly is decided: the terms of a request as they stand, and the hash that binds an answer to them (I6)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from portal.access.models import AccessRequest


def terms_of(request: AccessRequest) -> dict[str, Any]:
    """The terms as shown at submission, or as narrowed since; what is approved is this, even if the plan changes."""
    plan = request.plan
    terms = {
        "plan": plan.display_name,
        "quota": [plan.quota_requests, plan.quota_period],
        "rate": [plan.rate_requests, plan.rate_seconds],
        "credential_lifetime_days": plan.credential_lifetime_days,
        "products": {item.product.slug: item.granted_scopes for item in request.standing_items},
    }
    if request.ends_on is not None:
        terms["ends_on"] = request.ends_on.isoformat()
    return terms


def content_hash(request: AccessRequest) -> str:
    """SHA-256 over all that a reviewer decides on: who, for what app, which products and scopes, on what terms."""
    content = {
        "requester": request.requester.email,
        "app": request.app.id,
        "environment": request.environment,
        "answers": request.answers,
        "reason": request.reason,
        "terms": request.terms,
        "credential": request.credential.client_id if request.credential else None,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
