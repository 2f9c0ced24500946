"""Stages that have not begun, and the people who will answer them: whoever is early is told so (C36)."""

from __future__ import annotations

from portal.access.models import AccessRequest
from portal.access.queries import request_numbered
from portal.access.review import ReviewStage, StageState
from portal.access.staffing import circle_of, is_asked
from portal.accounts import User
from portal.errors import Conflict
from portal.policies import staff_for


def refuse_early(request: AccessRequest, person: User, *, stage_id: int | None = None) -> None:
    """Raise Conflict when this person will answer a stage of the request that has not begun; else do nothing."""
    stages = [stage for stage in request.stages if stage_id in (None, stage.id)] if request.is_pending else []
    for stage in stages:
        if stage.state is StageState.WAITING and _will_be_asked(stage, person):
            raise Conflict(
                f"The {stage.what_it_gives} of {request.number} has not begun: other answers come first. "
                "Nothing was changed."
            )


def refuse_early_at(number: str, person: User) -> None:
    """The same for a request that this person may not see yet; only its number and stage are told."""
    request = request_numbered(number)
    if request is not None:
        refuse_early(request, person)


def _will_be_asked(stage: ReviewStage, person: User) -> bool:
    """Whether this person would be asked if the stage opened now, or still is since it was open before."""
    circle = circle_of(stage)
    named = {asked.person.id for asked in staff_for(stage.template, circle).asked}
    return person.id in named or is_asked(stage, person, circle)
