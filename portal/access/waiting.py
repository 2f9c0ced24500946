"""How long such requests took lately (C52): of the nearest kind of which there were enough to say it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
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
_AHEAD = (StageState.OPEN, StageState.PAUSED, StageState.WAITING)
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
    the same stages, or with others, or on the same plan alone, or any. ``underway`` says that it is counted from the
    stages that are still ahead of a request and not from its submission.
    """

    median: timedelta
    p90: timedelta
    of: int
    like: Likeness
    environment: Environment
    underway: bool = False


def usual_waiting(plan: Plan, environment: Environment, stages: Collection[str]) -> Waiting | None:
    """How long decisions on such requests took lately; None when there are too few of any kind to say.

    Two queries, however much history there is.
    """
    near = db.session.execute(_latest_on(plan, environment)).all()
    if len(near) >= ENOUGH:
        same = _with_stages(near, frozenset(stages))
        if len(same) >= ENOUGH:
            return _waiting(_whole(same), Likeness.STAGES, environment)
        return _waiting(_whole(near), Likeness.ENVIRONMENT, environment)
    rows = db.session.execute(_further(plan)).all()
    for like in (Likeness.PLAN, Likeness.NOTHING):
        wider = sorted((row for row in rows if row.like == like), key=lambda row: -row.id)[:LOOKED_AT]
        if len(wider) >= ENOUGH:
            return _waiting(_whole(wider), like, environment)
    return None


def waiting_ahead(request: AccessRequest) -> Waiting | None:
    """How long the stages that are still ahead of a pending request took lately, on its plan in its environment.

    Before its first answer that is the whole of it, as before it was submitted. After that only requests with exactly
    its stages tell, or those that had at least the ones ahead; None when there are too few of both.
    """
    if not request.is_pending or request.kind is RequestKind.BREAK_GLASS:
        return None
    stages = [stage for stage in request.stages if stage.state is not StageState.SKIPPED]
    keys, ahead = {stage.key for stage in stages}, {stage.key for stage in stages if stage.state in _AHEAD}
    if all(stage.state in _AHEAD for stage in stages):
        return usual_waiting(request.plan, request.environment, keys) if keys else None
    near = db.session.execute(_latest_on(request.plan, request.environment)).all()
    opened = _stages_of(near)
    same = [row for row in near if opened[row.id].keys() == keys]
    like, rows = (Likeness.STAGES, same) if len(same) >= ENOUGH else (Likeness.ENVIRONMENT, near)
    took = [row.decided_at - began for row in rows if (began := _began(opened[row.id], ahead)) is not None]
    return _waiting(took, like, request.environment, underway=True) if len(took) >= ENOUGH else None


def _began(opened: dict[str, datetime | None], ahead: set[str]) -> datetime | None:
    """When the first of these stages opened in a request that had them all."""
    if not opened.keys() >= ahead:
        return None
    return min((moment for key in ahead if (moment := opened[key]) is not None), default=None)


def _whole(rows: Iterable[Any]) -> list[timedelta]:
    return [row.decided_at - row.submitted_at for row in rows]


def _waiting(
    times: Iterable[timedelta], like: Likeness, environment: Environment, *, underway: bool = False
) -> Waiting:
    took = sorted(times)
    median, p90 = took[len(took) // 2], took[min(len(took) - 1, len(took) * 9 // 10)]
    return Waiting(median, p90, len(took), like, environment, underway)


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
    had = _stages_of(rows)
    return [row for row in rows if had[row.id].keys() == stages]


def _stages_of(rows: Sequence[Any]) -> dict[int, dict[str, datetime | None]]:
    """The stages of these requests by key, each with when it opened first."""
    query = select(ReviewStage.request_id, ReviewStage.key, ReviewStage.opened_at).where(
        ReviewStage.request_id.in_([row.id for row in rows]), ReviewStage.state != StageState.SKIPPED
    )
    had: dict[int, dict[str, datetime | None]] = defaultdict(dict)
    for request_id, key, opened_at in db.session.execute(query):
        known = had[request_id].get(key)
        had[request_id][key] = min(known, opened_at) if known and opened_at else known or opened_at
    return had
