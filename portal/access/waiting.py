"""How long such requests took lately (C52): of the nearest kind of which there were enough to say it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, func, literal, select, union_all

from portal.access.models import ANSWERED, AccessRequest, RequestKind
from portal.access.review import ReviewStage, StageState
from portal.catalog import Environment, Plan
from portal.db import db

LOOKED_AT, FURTHER_BACK = 200, 5_000
ENOUGH = 5
Latest = Select[str, int, datetime, datetime | None]


class Likeness(StrEnum):
    """What those that were looked at have in common with what is asked for."""

    STAGES = "stages"
    ENVIRONMENT = "environment"
    PLAN = "plan"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Waiting:
    """How long people's decisions took: half of them at most ``median``, nine in ten at most ``p90``.

    ``like`` says how near those ``of`` requests are to what is asked for: on the same plan in the same environment with
    the same stages, or with others, or on the same plan alone, or any.
    """

    median: timedelta
    p90: timedelta
    of: int
    like: Likeness
    environment: Environment


def usual_waiting(plan: Plan, environment: Environment, stages: Collection[str]) -> Waiting | None:
    """How long decisions on such requests took lately; None when there are too few of any kind to say.

    Two queries, however much history there is.
    """
    near = db.session.execute(_latest_on(plan, environment)).all()
    if len(near) >= ENOUGH:
        same = _with_stages(near, frozenset(stages))
        if len(same) >= ENOUGH:
            return _waiting(same, Likeness.STAGES, environment)
        return _waiting(near, Likeness.ENVIRONMENT, environment)
    rows = db.session.execute(_further(plan)).all()
    for like in (Likeness.PLAN, Likeness.NOTHING):
        wider = sorted((row for row in rows if row.like == like), key=lambda row: -row.id)[:LOOKED_AT]
        if len(wider) >= ENOUGH:
            return _waiting(wider, like, environment)
    return None


def _waiting(rows: Sequence[Any], like: Likeness, environment: Environment) -> Waiting:
    took: list[timedelta] = sorted(row.decided_at - row.submitted_at for row in rows)
    median, p90 = took[len(took) // 2], took[min(len(took) - 1, len(took) * 9 // 10)]
    return Waiting(median, p90, len(took), like, environment)


def _answered(like: Likeness) -> Latest:
    """The latest requests that people have decided. An emergency has its access before anybody looks at it."""
    return (
        select(
            literal(like.value).label("like"), AccessRequest.id, AccessRequest.submitted_at, AccessRequest.decided_at
        )
        .where(ANSWERED, AccessRequest.kind != RequestKind.BREAK_GLASS, AccessRequest.decided_at.is_not(None))
        .order_by(AccessRequest.id.desc())
        .limit(LOOKED_AT)
    )


def _latest_on(plan: Plan, environment: Environment, like: Likeness = Likeness.ENVIRONMENT) -> Latest:
    return _answered(like).where(AccessRequest.plan_id == plan.id, AccessRequest.environment == environment)


def _further(plan: Plan) -> Select[Any]:
    """Those on the plan, by environment since the index is, and the latest of all: not looked for further back."""
    newest = select(func.max(AccessRequest.id)).scalar_subquery()
    anything = _answered(Likeness.NOTHING).where(AccessRequest.id > newest - FURTHER_BACK)
    legs = [*(_latest_on(plan, each, Likeness.PLAN) for each in Environment), anything]
    together = union_all(*(select(leg.subquery()) for leg in legs)).subquery()
    return select(together)


def _with_stages(rows: Sequence[Any], stages: frozenset[str]) -> list[Any]:
    """Those of these requests that had exactly these stages."""
    query = select(ReviewStage.request_id, ReviewStage.key).where(
        ReviewStage.request_id.in_([row.id for row in rows]), ReviewStage.state != StageState.SKIPPED
    )
    had: dict[int, set[str]] = defaultdict(set)
    for request_id, key in db.session.execute(query):
        had[request_id].add(key)
    return [row for row in rows if had[row.id] == stages]
