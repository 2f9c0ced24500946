"""The mails of an emergency: everybody hears of it at once, and whoever took it hears what the review led to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from portal import access
from portal.access import AccessRequest, BreakGlassBar, RequestKind, ReviewStage, StageAssignee
from portal.accounts import User
from portal.events import Draft, EventKind
from portal.mail.lateness import LateMails, told

if TYPE_CHECKING:
    from portal.mail.compose import Composer

Writer = Callable[[Any, str, Any], Iterable[Draft]]


class EmergencyMails:
    """Writes them for one installation, in place of the mails that other requests get."""

    def __init__(self, composer: Composer, late: LateMails) -> None:
        self.composer = composer
        self._late = late
        self._own: dict[EventKind, Writer] = {
            EventKind.GLASS_BROKEN: self._used,
            EventKind.BARRED: self._barred,
            EventKind.BAR_LIFTED: self._lifted,
        }
        self._instead: dict[EventKind, Writer] = {
            EventKind.STAGE_OPENED: self._review_opened,
            EventKind.REVIEWER_ASKED: self._asked,
            EventKind.REQUEST_APPROVED: self._reviewed,
            EventKind.REQUEST_REJECTED: self._refused,
            EventKind.REQUEST_EXPIRED: self._expired,
        }

    def writer_for(self, kind: EventKind, subject: Any) -> Writer | None:
        """What writes the mails of this event; None when it has nothing to do with an emergency."""
        if kind in self._instead and _request_of(subject).kind is RequestKind.BREAK_GLASS:
            return self._instead[kind]
        return self._own.get(kind)

    def _used(self, request: AccessRequest, _reason: str, _by: Any) -> list[Draft]:
        return self._loud(request, access.people_told(request))

    def _review_opened(self, stage: ReviewStage, _reason: str, _by: Any) -> list[Draft]:
        """To those who are asked for the review and have not heard of it as administrators or reviewers."""
        heard = {person.id for person in access.people_told(stage.request)}
        asked = [a.user for a in stage.active_assignees if a.user_id not in heard]
        return self._loud(stage.request, asked)

    def _asked(self, assignee: StageAssignee, _reason: str, _by: Any) -> list[Draft]:
        return self._loud(assignee.stage.request, [assignee.user])

    def _reviewed(self, request: AccessRequest, reason: str, _by: Any) -> list[Draft]:
        values = {**self.composer.about(request), "comment": reason, "link": self._own_link(request)}
        return self.composer.to_each("break_glass_reviewed", [request.requester], values)

    def _refused(self, _request: AccessRequest, _reason: str, _by: Any) -> list[Draft]:
        """Nothing: the mail about the bar says it all."""
        return []

    def _expired(self, request: AccessRequest, reason: str, by: Any) -> list[Draft]:
        """To those who should have reviewed it; its author reads about the bar."""
        drafts = self._late.expired(request, reason, by)
        return [draft for draft in drafts if draft.recipient != request.requester.email]

    def _barred(self, bar: BreakGlassBar, reason: str, _by: Any) -> list[Draft]:
        values = {"reason": reason, "link": f"{self.composer.base_url}/requests"}
        return self.composer.to_each("barred", [bar.user], values)

    def _lifted(self, bar: BreakGlassBar, reason: str, _by: Any) -> list[Draft]:
        values = {"reason": reason, "link": f"{self.composer.base_url}/emergency-access"}
        return self.composer.to_each("bar_lifted", [bar.user], values)

    def _loud(self, request: AccessRequest, people: Iterable[User]) -> list[Draft]:
        values, everybody = self._facts(request), list(people)
        own = {"yours": "yes", "theirs": "", "link": self._own_link(request)}
        link = f"{self.composer.base_url}/admin/access-requests/{request.number}"
        theirs = {"yours": "", "theirs": "yes", "link": link}
        author = [person for person in everybody if person.id == request.requester_id]
        others = [person for person in everybody if person.id != request.requester_id]
        return [
            *self.composer.to_each("break_glass", others, {**values, **theirs}),
            *self.composer.to_each("break_glass", author, {**values, **own}),
        ]

    def _facts(self, request: AccessRequest) -> dict[str, str]:
        grants = access.grants_from(request)
        return {
            **self.composer.about(request),
            "requester_name": request.requester.display_name,
            "requester_email": request.requester.email,
            "organisation": request.requester.organisation.name,
            "environment": request.environment.label,
            "scopes": ", ".join(scope for grant in grants for scope in grant.scopes),
            "ends": told(grants[0].ends_at) if grants else "",
            "reason": request.reason,
        }

    def _own_link(self, request: AccessRequest) -> str:
        return f"{self.composer.base_url}/requests/{request.number}"


def _request_of(subject: AccessRequest | ReviewStage | StageAssignee) -> AccessRequest:
    """The request that an event of its life is about."""
    if isinstance(subject, AccessRequest):
        return subject
    return subject.request if isinstance(subject, ReviewStage) else subject.stage.request
