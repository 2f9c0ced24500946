"""Trying a policy out: what it would say of an ask, whom it would ask, and by when (C50).

Nothing is stored, nobody is told, and no number is given out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from portal.access.asking import ask_of, history_of_app, load_owners
from portal.access.models import AccessRequest
from portal.access.past import facts_of_request
from portal.access.timing import working_time_by
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, Environment, Plan
from portal.db import now
from portal.policies import (
    Ask,
    Circle,
    History,
    PolicyVersion,
    RuleTrace,
    Staff,
    StageSpec,
    Times,
    Whereabouts,
    WholeRuling,
    facts_for,
    in_force_with,
    rule_on_ask,
    staff_for,
    stage_templates,
)
from portal.schedule import add_business_time


@dataclass(frozen=True)
class TriedStage:
    """A stage that would be needed: who would be asked, and by when it would be due if it opened at once."""

    spec: StageSpec
    staff: Staff
    due_at: datetime


@dataclass(frozen=True)
class Trial:
    """What a policy would say: the whole ruling, its stages step by step, and each product's rules and facts."""

    ask: Ask
    whole: WholeRuling
    steps: tuple[tuple[TriedStage, ...], ...]
    traces: Mapping[int, tuple[RuleTrace, ...]]
    facts: Mapping[int, Mapping[str, Any]]
    stored_facts: bool = False


def sample_ask(
    *,
    requester: User,
    plan: Plan,
    products: Sequence[ApiProduct],
    environment: Environment,
    app: DeveloperApp | None = None,
    answers: Mapping[str, Any] | None = None,
    asked: frozenset[str] = frozenset(),
    scopes: Sequence[str] = (),
    where: Whereabouts | None = None,
) -> Ask:
    """An ask that nobody has made. ``scopes`` narrows those that the plan allows of each product; empty: all."""
    load_owners(products)
    narrowed = {p.id: [s for s in plan.scopes_for(p) if s in scopes] for p in products} if scopes else {}
    return Ask(
        requester=requester,
        plan=plan,
        products=products,
        environment=environment,
        app=app,
        scopes=narrowed,
        answers=answers or {},
        asked=asked,
        history=history_of_app(app, products) if app is not None else History(),
        where=where,
    )


def try_policy(version: PolicyVersion, ask: Ask, *, moment: datetime | None = None) -> Trial:
    """What a version would say of this ask if it were in force at this moment."""
    facts = {product.id: facts_for(ask, product, moment) for product in ask.products}
    return _tried(version, ask, facts)


def try_on_request(version: PolicyVersion, request: AccessRequest) -> Trial:
    """What a version would say of a past request, on the facts on which it was judged."""
    ask, stored = ask_of(request), facts_of_request(request)
    facts = {p.id: stored.get(str(p.id)) or facts_for(ask, p) for p in ask.products}
    return _tried(version, ask, facts, stored=bool(stored))


def _tried(version: PolicyVersion, ask: Ask, facts: Mapping[int, Mapping[str, Any]], *, stored: bool = False) -> Trial:
    templates = stage_templates()
    rulings, specs, whole = rule_on_ask(ask, in_force_with(version, facts), facts, templates)
    stages = [_tried_stage(spec, ask) for spec in specs]
    positions = sorted({stage.spec.position for stage in stages})
    return Trial(
        ask=ask,
        whole=whole,
        steps=tuple(tuple(s for s in stages if s.spec.position == at) for at in positions),
        traces={product.id: tuple(rulings[str(product.id)].trace()) for product in ask.products},
        facts=facts,
        stored_facts=stored,
    )


def _tried_stage(spec: StageSpec, ask: Ask) -> TriedStage:
    products = [p for p in ask.products if not spec.product_ids or p.id in spec.product_ids]
    owners = {owner.id: owner for product in products for owner in product.owners}
    circle = Circle(ask.requester, tuple(owners[key] for key in sorted(owners)))
    times = Times.of(spec.template)
    hours, working = timedelta(hours=times.due(ask.environment)), working_time_by(times.calendar)
    return TriedStage(spec, staff_for(spec.template, circle), add_business_time(working, now(), hours))
