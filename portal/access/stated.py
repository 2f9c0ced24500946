"""What products state about their data and terms, for those who weigh it: compliance and legal reviewers (C62, C66).

It is shown as it is now, and beside it what it was when the policy judged the request. An owner's edit changes neither
the decision of the policy nor an answer that was given; but a page that shows the old statements decides nothing, and
the record of such an answer says what they were.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal.access.models import AccessRequest, Grant, RequestItem
from portal.access.past import facts_of_request
from portal.access.review import ReviewStage
from portal.access.terms import canonical_hash
from portal.catalog import ApiProduct, LegalBasis, TermsOfUse, in_words, is_sensitive_scope, newest_terms_of

NOT_STATED = "not stated"
_WEIGHING = frozenset({"compliance", "legal", "privacy", "gdpr", "dpo"})


@dataclass(frozen=True)
class Statement:
    """What one product of a request states; ``was`` has what it stated otherwise when the policy judged the request."""

    item: RequestItem
    terms_of_use: TermsOfUse | None
    was: Mapping[str, str] = field(default_factory=dict)

    @property
    def product(self) -> ApiProduct:
        """The product that states it."""
        return self.item.product

    @property
    def sensitive_scopes(self) -> list[str]:
        """The scopes asked for that the product's own words call sensitive."""
        return [name for name in self.item.granted_scopes if is_sensitive_scope(self.product, name)]

    @property
    def sentence(self) -> str:
        """All of it in one line, as the record keeps it."""
        product = self.product
        version = f"version {self.terms_of_use.number}" if self.terms_of_use is not None else "none"
        basis, regions = _basis_said(product.legal_basis), _regions_said(product.regions)
        told = f"{product.classification.value}; legal basis: {basis}; regions: {regions}; terms of use: {version}"
        return f"{product.name}: {told}"


def statements_of(request: AccessRequest) -> list[Statement]:
    """What each product of a request states now."""
    terms = {each.product_id: each for each in newest_terms_of([item.product_id for item in request.items])}
    judged = facts_of_request(request)
    return [
        Statement(item, terms.get(item.product_id), _changed_since(judged.get(str(item.product_id), {}), item.product))
        for item in request.items
    ]


def seen_by_reviewer(request: AccessRequest, statements: Sequence[Statement]) -> str:
    """The mark of what a page shows for a decision: the hash of the request's content, and that of the statements."""
    return f"{request.content_hash}.{_mark(statements)}"


def differs_from(request: AccessRequest, seen: str) -> str:
    """What is no longer as it was on the screen, in a sentence; empty when all is. Without a mark nothing is asked."""
    content, _, stated = seen.partition(".")
    if content and content != request.content_hash:
        return f"{request.number} has changed since this page was shown."
    if stated and stated != _mark(statements_of(request)):
        return "What the products state about their data or terms has changed since this page was shown."
    return ""


def weighs_data(stage: ReviewStage) -> bool:
    """Whether what products state about their data is the matter of this stage: compliance, legal, and their like."""
    return not _WEIGHING.isdisjoint(re.split("[-_]", stage.key))


def weighed_in(stage: ReviewStage) -> list[str]:
    """What the record keeps of the statements with an answer of a stage that weighs them; nothing for others."""
    if not weighs_data(stage):
        return []
    return [each.sentence for each in statements_of(stage.request) if not each.item.declined]


def stated_when_approved(grant: Grant) -> list[tuple[str, str]]:
    """What the product stated about its data when this access was approved; nothing for access older than that."""
    data = grant.terms.get("data") if grant.terms else None
    if not data:
        return []
    return _said(
        data["classification"], LegalBasis(data["legal_basis"]) if data["legal_basis"] else None, data["regions"]
    )


def stated_now(product: ApiProduct) -> list[tuple[str, str]]:
    """What a product states about its data now, under the same names."""
    return _said(product.classification.value, product.legal_basis, product.regions)


def _said(classification: str, basis: LegalBasis | None, regions: Sequence[str]) -> list[tuple[str, str]]:
    return [
        ("Data classification", classification.capitalize()),
        ("Legal basis", _basis_said(basis).capitalize() if basis is None else basis.label),
        ("Data kept and processed in", _regions_said(regions).replace(NOT_STATED, NOT_STATED.capitalize())),
    ]


def _changed_since(judged: Mapping[str, Any], product: ApiProduct) -> dict[str, str]:
    """What the product stated otherwise when it was judged. Facts from before there were statements tell nothing."""
    was: dict[str, str] = {}
    if judged.get("product.classification", product.classification.value) != product.classification.value:
        was["classification"] = str(judged["product.classification"]).capitalize()
    if "product.legal_basis" in judged and judged["product.legal_basis"] != product.legal_basis:
        basis = judged["product.legal_basis"]
        was["legal_basis"] = _basis_said(LegalBasis(basis) if basis else None)
    if "product.regions" in judged and (judged["product.regions"] or []) != product.regions:
        was["regions"] = _regions_said(judged["product.regions"] or [])
    return was


def _basis_said(basis: LegalBasis | None) -> str:
    return basis.label if basis is not None else NOT_STATED


def _regions_said(codes: Sequence[str]) -> str:
    return ", ".join(in_words(codes)) or NOT_STATED


def _mark(statements: Sequence[Statement]) -> str:
    return canonical_hash(
        {
            each.product.slug: [
                each.product.classification,
                each.product.legal_basis,
                each.product.regions,
                each.terms_of_use.number if each.terms_of_use is not None else None,
            ]
            for each in statements
        }
    )
