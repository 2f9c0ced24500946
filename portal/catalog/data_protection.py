"""What a product says about the protection of its data, and what it fails to say although reviewers need it.

Compliance reviewers weigh the classification, the legal basis and the regions together. None of the three is guessed
here: what the owners have not stated is told as a gap.
"""

from __future__ import annotations

from portal.catalog.models import ApiProduct, Classification, LegalBasis

DELICATE = frozenset({Classification.CONFIDENTIAL, Classification.RESTRICTED})
_MARKS = ("sensitive", "personal data", "pii")


def is_sensitive_scope(product: ApiProduct, name: str) -> bool:
    """Whether the product's own words call this scope sensitive: in its description, or by ``pii`` in its name."""
    described = next((str(scope.get("description", "")) for scope in product.scopes if scope["name"] == name), "")
    return any(mark in described.lower() for mark in _MARKS) or "pii" in name.lower().replace("-", ":").split(":")


def unstated(product: ApiProduct) -> list[str]:
    """What reviewers would want to know about the data and is not stated, each in words."""
    gaps = []
    if product.legal_basis is None:
        gaps.append("the legal basis")
    if not product.regions:
        gaps.append("where the data is kept and processed")
    return gaps


def missed_by_reviewers(product: ApiProduct) -> list[str]:
    """What is not stated and should be: of products whose data is delicate or personal, as far as they say so."""
    speaks_of_people = product.legal_basis not in (None, LegalBasis.NOT_PERSONAL)
    marked = any(is_sensitive_scope(product, name) for name in product.scope_names)
    return unstated(product) if product.classification in DELICATE or speaks_of_people or marked else []
