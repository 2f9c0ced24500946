"""What was decided before, and on what: for trying a policy on the past, and for making sure that the record is true.

The facts of each decision are kept as they were (``PolicyDecision``), so nothing here asks anybody anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import load_only

from portal.access.models import AccessRequest, RequestItem
from portal.access.review import PolicyDecision
from portal.access.terms import last_decision
from portal.catalog import ApiProduct
from portal.db import db
from portal.policies import (
    NO_RULES,
    PastRequest,
    Policy,
    Ruling,
    StageTemplate,
    find_version,
    in_force,
    judge,
    policy_of,
    stage_templates,
)

MOST_REPLAYED = 500
CHUNK = 500


@dataclass(frozen=True)
class Disagreement:
    """A decision that its own policy would not make again: whose, of which revision, and what differs."""

    number: str
    revision: int
    differs: tuple[str, ...]


@dataclass(frozen=True)
class Recheck:
    """What came of making past decisions again: how many, how many could not be, and those that differ."""

    checked: int
    skipped: int
    disagreements: tuple[Disagreement, ...]


def past_requests(*, most: int = MOST_REPLAYED, product: ApiProduct | None = None) -> list[PastRequest]:
    """The latest requests with the facts they were judged on, the newest first; only those for a product if given.

    The products' own rules are those in force now: what is tried is a policy beside them.
    """
    query = _decisions().order_by(PolicyDecision.id.desc()).limit(most)
    if product is not None:
        wanted = select(RequestItem.request_id).where(RequestItem.product_id == product.id)
        query = query.where(PolicyDecision.request_id.in_(wanted))
    latest: dict[int, tuple[AccessRequest, dict[str, Mapping[str, Any]]]] = {}
    for decision, request in db.session.execute(query):
        facts = facts_by_product(decision)
        if facts and request.id not in latest:
            latest[request.id] = (request, facts)
    teams = in_force({int(name) for _, facts in latest.values() for name in facts}).teams
    return [
        PastRequest(request.number, facts, {name: teams[int(name)] for name in facts if int(name) in teams})
        for request, facts in latest.values()
    ]


def facts_of_request(request: AccessRequest) -> dict[str, Mapping[str, Any]]:
    """The facts on which a request was judged last, by product."""
    decision = last_decision(request)
    return facts_by_product(decision) if decision is not None else {}


def facts_by_product(decision: PolicyDecision) -> dict[str, Mapping[str, Any]]:
    """The facts of a decision by the key of each product."""
    names = [str(entry.get("product", "")) for entry in decision.matched]
    if len(names) != len(decision.facts) or not all(name.isdigit() for name in names):
        return {}
    return dict(zip(names, decision.facts, strict=True))


def recheck(*, most: int | None = None) -> Recheck:
    """Make stored decisions again, each by the version that made it, and compare (I16); the newest first."""
    templates, policies = stage_templates(), _Policies()
    checked, skipped, found = 0, 0, []
    for decision, request in _all(most):
        differs = _differences(decision, policies, templates)
        checked, skipped = checked + (differs is not None), skipped + (differs is None)
        if differs:
            found.append(Disagreement(request.number, decision.revision, tuple(differs)))
    return Recheck(checked, skipped, tuple(found))


class _Policies:
    """The stored versions, each read once."""

    def __init__(self) -> None:
        self._known: dict[int, Policy | None] = {}

    def __call__(self, version_id: int | None) -> Policy | None:
        if version_id is None:
            return NO_RULES
        if version_id not in self._known:
            version = find_version(version_id)
            self._known[version_id] = policy_of(version) if version is not None else None
        return self._known[version_id]


def _differences(
    decision: PolicyDecision, policies: _Policies, templates: Mapping[str, StageTemplate]
) -> list[str] | None:
    """What differs; None when the versions that made the decision are not known any more."""
    facts, differs = facts_by_product(decision), []
    outcomes = []
    for entry in decision.matched:
        name = str(entry.get("product", ""))
        if name not in facts or "policy" not in entry:
            return None
        policy, team = policies(entry["policy"]), policies(entry["team"]) if entry.get("team") else None
        if policy is None or (entry.get("team") and team is None):
            return None
        ruling = judge(policy, facts[name], team=team, templates=templates)
        outcomes.append(ruling)
        differs += [f"{what} of product {name}" for what in _unlike(entry, ruling)]
    if outcomes and decision.outcome != _outcome(outcomes):
        differs.append("outcome")
    return differs


def _unlike(stored: Mapping[str, Any], ruling: Ruling) -> list[str]:
    """In what a stored ruling and the same one made again differ. Where a stage stands may have been set up anew."""
    again = ruling.as_json()
    unlike = [name for name in ("outcome", "becauses", "matched") if stored.get(name) != again[name]]
    before = {stage["key"]: stage["becauses"] for stage in stored.get("stages", [])}
    after = {stage["key"]: stage["becauses"] for stage in again["stages"]}
    return unlike if before == after else [*unlike, "stages"]


def _outcome(rulings: Sequence[Ruling]) -> str:
    outcomes = {ruling.outcome.value for ruling in rulings}
    return next(outcome for outcome in ("deny", "stages", "auto") if outcome in outcomes)


def _decisions() -> Select[PolicyDecision, AccessRequest]:
    query = select(PolicyDecision, AccessRequest).join(AccessRequest, AccessRequest.id == PolicyDecision.request_id)
    return query.options(load_only(AccessRequest.id, AccessRequest.submitted_at))


def _all(most: int | None) -> Iterator[tuple[PolicyDecision, AccessRequest]]:
    before_id, seen = None, 0
    while most is None or seen < most:
        query = (
            _decisions().order_by(PolicyDecision.id.desc()).limit(CHUNK if most is None else min(CHUNK, most - seen))
        )
        if before_id is not None:
            query = query.where(PolicyDecision.id < before_id)
        rows = [(row[0], row[1]) for row in db.session.execute(query)]
        if not rows:
            return
        yield from rows
        before_id, seen = rows[-1][0].id, seen + len(rows)
        db.session.expunge_all()
