"""The mails that time causes: reminders, escalations, expiries, and the weekly digest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from portal import access
from portal.access import AccessRequest, DigestItem, QuestionState, ReviewStage, StageAssignee
from portal.accounts import User
from portal.db import now
from portal.events import Draft

if TYPE_CHECKING:
    from portal.mail.compose import Composer

MOST_LISTED = 50


class LateMails:
    """Writes them for one installation."""

    def __init__(self, composer: Composer) -> None:
        self.composer = composer

    def asked(self, assignee: StageAssignee, reason: str, _by: Any) -> list[Draft]:
        """To somebody who is asked now and was not when the stage opened: what all others were told then."""
        values = self.composer.about_stage(assignee.stage, reason)
        return self._to([assignee.user], "submitted", values)

    def reminded(self, stage: ReviewStage, _reason: str, _by: Any) -> list[Draft]:
        """To everybody whose answer is still awaited, and to those who stand in for them."""
        return self._to_those_late(stage, "reminder", self._stage(stage))

    def escalated(self, stage: ReviewStage, reason: str, _by: Any) -> list[Draft]:
        """To everybody whose answer is still awaited, those included who are asked from now on or stand in."""
        asked = ", ".join(person.display_name for person in _waiting(stage))
        return self._to_those_late(stage, "escalated", {**self._stage(stage), "reason": reason, "asked": asked})

    def expired(self, request: AccessRequest, reason: str, _by: Any) -> list[Draft]:
        """To the requester, and to everybody who had been asked."""
        values = {**self.composer.about(request), "reason": reason}
        link = {"link": self._own_link(request), "yours": "yes", "theirs": "", "advice": _advice(request)}
        asked = [a.user for stage in request.stages if stage.opened_at for a in stage.assignees]
        others = [person for person in asked if person.id != request.requester_id]
        return [
            *self._to([request.requester], "expired", {**values, **link}),
            *self._to(
                others,
                "expired",
                {**values, "link": self._review_link(request), "yours": "", "theirs": "yes", "advice": ""},
            ),
        ]

    def unanswered(self, stage: ReviewStage, _reason: str, _by: Any) -> list[Draft]:
        """To the requester, whose answer a reviewer awaits."""
        request = stage.request
        values = {**self.composer.about(request), "stage": stage.name, "link": self._own_link(request)}
        return self._to([request.requester], "unanswered", {**values, "expires": told(access.expires_at(stage))})

    def digest(self, person: User, _reason: str, _by: Any) -> list[Draft]:
        """To one lead: what is open, how old it is, and what is late."""
        items = access.digest_for(person)
        overdue = sum(item.is_overdue for item in items)
        lines = [_line(item) for item in items[:MOST_LISTED]]
        if len(items) > MOST_LISTED:
            lines.append(f"and {len(items) - MOST_LISTED} more")
        values = {
            "count": "1 answer is" if len(items) == 1 else f"{len(items)} answers are",
            "overdue": str(overdue) if overdue else "",
            "items": "\n\n".join(lines),
            "link": f"{self.composer.base_url}/admin/access-requests",
        }
        return self._to([person], "digest", values)

    def _stage(self, stage: ReviewStage) -> dict[str, str]:
        request = stage.request
        return {
            **self.composer.about(request),
            "requester_name": request.requester.display_name,
            "stage": stage.name,
            "waiting_since": told(stage.opened_at),
            "due": told(stage.due_at),
            "overdue": "yes" if stage.due_at is not None and stage.due_at < now() else "",
            "expires": told(access.expires_at(stage)),
            "link": self._review_link(request),
        }

    def _to_those_late(self, stage: ReviewStage, kind: str, values: Mapping[str, str]) -> list[Draft]:
        drafts = self._to(_waiting(stage), kind, {**values, "stands_in_for": ""})
        for deputy, absent in access.stand_ins(stage):
            drafts += self._to([deputy], kind, {**values, "stands_in_for": absent.display_name})
        return drafts

    def _to(self, people: Iterable[User], kind: str, values: Mapping[str, str]) -> list[Draft]:
        return self.composer.to_each(kind, people, values)

    def _own_link(self, request: AccessRequest) -> str:
        return f"{self.composer.base_url}/requests/{request.number}"

    def _review_link(self, request: AccessRequest) -> str:
        return f"{self.composer.base_url}/admin/access-requests/{request.number}"


def told(moment: datetime | None) -> str:
    """A time as mails say it; empty when there is none."""
    if moment is None:
        return ""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _waiting(stage: ReviewStage) -> list[User]:
    return [assignee.user for assignee in stage.assignees if assignee.waits]


def _advice(request: AccessRequest) -> str:
    """What helps the next time: it depends on whose answer was missing."""
    questions = (question for stage in request.stages for question in stage.questions)
    if any(question.state is QuestionState.EXPIRED for question in questions):
        return "it is best to say from the start what the reviewer wanted to know."
    return "it is best to tell those who decide beforehand."


def _line(item: DigestItem) -> str:
    """One stage in one line: what, whose turn, how old, and whether it is late."""
    request = item.stage.request
    products = ", ".join(product.name for product in request.products)
    days = (now() - item.since).days
    age = "open since today" if days < 1 else f"open for {days} day{'' if days == 1 else 's'}"
    if item.due_at is None:
        due = "its clock stands still"
    else:
        due = f"{'OVERDUE since' if item.is_overdue else 'due'} {told(item.due_at)}"
    waits_for = ", ".join(item.waits_for) or "nobody"
    return f"{request.number} ({item.stage.name}), {request.app.name}: {products}\n{age}, {due}, waits for {waits_for}"
