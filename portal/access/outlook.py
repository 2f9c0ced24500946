"""What asking would come to, told before anybody asks: which stages and why, how long it takes, what is quicker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal import forms, policies
from portal.access.asking import asked_attributes, history_of_app, load_owners
from portal.access.cart import common_plans, groups
from portal.access.models import CartItem
from portal.access.waiting import Waiting, usual_waiting
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import Environment, Plan


@dataclass(frozen=True)
class Outlook:
    """What a cart would come to if it were submitted now.

    ``steps`` are the stages side by side at each step; ``instant`` is a sentence about what would be approved at once.
    """

    decision: policies.Decision
    steps: tuple[tuple[policies.StageSpec, ...], ...]
    instant: str
    waiting: Waiting | None


def outlook(
    items: Sequence[CartItem],
    *,
    by: User,
    app: DeveloperApp | None,
    environment: Environment,
    form_ids: Sequence[int] = (),
    answers: Mapping[str, Any] | None = None,
) -> list[Outlook]:
    """What each request that would come of this cart needs; one for each catalogue, none for an empty cart."""
    found = []
    for group in groups(items):
        plan, products = group[0].plan, [item.product for item in group]
        load_owners(products)
        ask = policies.Ask(
            requester=by,
            plan=plan,
            products=products,
            environment=environment,
            app=app,
            answers=forms.told_by(form_ids, answers or {}),
            asked=asked_attributes(form_ids),
            history=history_of_app(app, products) if app is not None else policies.History(),
        )
        found.append(outlook_of(ask, common_plans(group)))
    return found


def outlook_of(ask: policies.Ask, plans: Sequence[Plan] | None = None) -> Outlook:
    """What this ask needs, and what would be had at once in its place; None for ``plans`` where nothing else can be."""
    decision = policies.decide(ask)
    instant = "" if decision.is_automatic or plans is None else policies.instantly(ask, plans)
    keys = {stage.key for stage in decision.stages}
    waiting = usual_waiting(ask.plan, ask.environment, keys) if keys else None
    return Outlook(decision, _steps(decision), instant, waiting)


def _steps(decision: policies.Decision) -> tuple[tuple[policies.StageSpec, ...], ...]:
    positions = sorted({stage.position for stage in decision.stages})
    return tuple(tuple(stage for stage in decision.stages if stage.position == at) for at in positions)
