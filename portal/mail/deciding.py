"""The mails between reviewers and requesters while a request is decided: questions, answers, edits, passing on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from portal import access
from portal.access import AccessRequest, Clarification, Delegation, QuestionState, ReviewStage, StageAssignee
from portal.accounts import User
from portal.events import Draft
from portal.mail.lateness import told

if TYPE_CHECKING:
    from portal.mail.compose import Composer


class DecidingMails:
    """Writes them for one installation."""

    def __init__(self, composer: Composer) -> None:
        self.composer = composer

    def question(self, request: AccessRequest, _reason: str, by: Any) -> list[Draft]:
        """To the requester: what a reviewer wants to know."""
        asked = _latest(request, QuestionState.OPEN, by)
        expires = told(access.expires_at(asked.stage)) if asked is not None else ""
        return self._question("question", request, [request.requester], asked, expires=expires, link=self._own(request))

    def answer(self, request: AccessRequest, _reason: str, by: Any) -> list[Draft]:
        """To the reviewer who asked: what the requester says."""
        answered = _latest(request, QuestionState.ANSWERED, None)
        asker = [answered.asked_by] if answered is not None else []
        return self._question("answer", request, asker, answered, expires="", link=self._review(request))

    def edited(self, request: AccessRequest, _reason: str, _by: Any) -> list[Draft]:
        """To everybody whose answer is awaited: what they were asked about has changed."""
        waiting = [a.user for stage in request.open_stages for a in stage.active_assignees if a.waits]
        return self._changed(request, waiting, voided="", stage="")

    def voided(self, stage: ReviewStage, _reason: str, _by: Any) -> list[Draft]:
        """To those whose answer no longer counts."""
        request = stage.request
        lost = [r.reviewer for r in stage.reviews if r.voided_by_revision == request.revision]
        return self._changed(request, lost, voided="yes", stage=stage.name)

    def denied(self, request: AccessRequest, reason: str, _by: Any) -> list[Draft]:
        """To the requester: the policy does not allow it."""
        values = {**self.composer.about(request), "reason": reason, "link": self._own(request)}
        return self._to([request.requester], "denied", values)

    def passed_on(self, assignee: StageAssignee, reason: str, by: User) -> list[Draft]:
        """To the person to whom somebody gave their place in a stage."""
        values = {**self.composer.about_stage(assignee.stage, assignee.stage.because), "by_name": by.display_name}
        return self._to([assignee.user], "reassigned", {**values, "why": reason})

    def delegated(self, delegation: Delegation, reason: str, _by: Any) -> list[Draft]:
        """To the person who stands in for somebody from now on, or soon."""
        values = {
            "by_name": delegation.from_user.display_name,
            "starts": told(delegation.starts_at),
            "ends": told(delegation.ends_at),
            "reason": reason,
            "link": f"{self.composer.base_url}/admin/my-work",
        }
        return self._to([delegation.to_user], "delegated", values)

    def delegation_ended(self, delegation: Delegation, reason: str, by: User) -> list[Draft]:
        """To both, when neither of them ended it but an administrator."""
        both = [delegation.from_user, delegation.to_user]
        if by.id in {person.id for person in both}:
            return []
        values = {
            "deputy_name": delegation.to_user.display_name,
            "absent_name": delegation.from_user.display_name,
            "by_name": by.display_name,
            "reason": reason,
            "link": f"{self.composer.base_url}/admin/delegations",
        }
        return self._to(both, "delegation_ended", values)

    def _question(
        self, kind: str, request: AccessRequest, people: Iterable[User], about: Clarification | None, **more: str
    ) -> list[Draft]:
        if about is None:
            return []
        values = {
            **self.composer.about(request),
            "stage": about.stage.name,
            "asker_name": about.asked_by.display_name,
            "requester_name": request.requester.display_name,
            "question": about.question,
            "answer": about.answer,
        }
        return self._to(people, kind, {**values, **more})

    def _changed(self, request: AccessRequest, people: Iterable[User], *, voided: str, stage: str) -> list[Draft]:
        requester = {"requester_name": request.requester.display_name, "reason": request.reason}
        values = {
            **self.composer.about(request),
            **requester,
            "voided": voided,
            "awaited": "" if voided else "yes",
            "stage": stage,
        }
        return self._to(people, "changed", {**values, "link": self._review(request)})

    def _to(self, people: Iterable[User], kind: str, values: Mapping[str, str]) -> list[Draft]:
        return self.composer.to_each(kind, people, values)

    def _own(self, request: AccessRequest) -> str:
        return f"{self.composer.base_url}/requests/{request.number}"

    def _review(self, request: AccessRequest) -> str:
        return f"{self.composer.base_url}/admin/access-requests/{request.number}"


def _latest(request: AccessRequest, state: QuestionState, by: User | None) -> Clarification | None:
    """The question that this event is about: the last one asked by this person, or the last one closed."""
    found = [q for q in access.questions_about(request) if q.state is state and by in (None, q.asked_by)]
    return max(found, key=lambda q: (q.closed_at is not None and q.closed_at, q.id), default=None)
