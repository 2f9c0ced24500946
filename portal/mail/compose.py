"""Which mails follow from an event, and what each says. Rendered in the transaction of the event itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from portal import access
from portal.access import HELD_STATES, AccessRequest, Grant, RequestKind, ReviewStage, StageAssignee, StageState
from portal.accounts import User
from portal.catalog import AuthMethod
from portal.config import Settings
from portal.credentials import Credential, CredentialState
from portal.db import now
from portal.events import Draft, EventKind
from portal.mail.deciding import DecidingMails
from portal.mail.emergency import EmergencyMails
from portal.mail.expiry import ExpiryMails
from portal.mail.lateness import LateMails, told
from portal.mail.leaks import LeakMails
from portal.mail.leaving import LeavingMails
from portal.mail.seconding import SecondingMails
from portal.mail.secrets import SecretMails
from portal.mail.suspending import SuspendingMails
from portal.mail.texts import Texts, notice_in, render, texts_of


class Composer:
    """Writes the mails of one installation: its name and its address stand in every one."""

    def __init__(self, settings: Settings) -> None:
        self.base_url = settings.base_url
        self.site_name = settings.site_name
        self._late = late = LateMails(self)
        self._deciding = deciding = DecidingMails(self)
        self._emergency = EmergencyMails(self, late)
        leaving = LeavingMails(self)
        self._leaks = leaks = LeakMails(self)
        secrets = SecretMails(self, claim_days=settings.unclaimed_revoke_days - settings.unclaimed_remind_days)
        seconding = SecondingMails(self)
        expiry = ExpiryMails(self, settings.notice_days)
        suspending = SuspendingMails(self)
        self._writers: dict[EventKind, Callable[[Any, str, Any], Iterable[Draft]]] = {
            EventKind.STAGE_OPENED: self._stage_opened,
            EventKind.REQUEST_APPROVED: self._approved,
            EventKind.REQUEST_REJECTED: self._rejected,
            EventKind.REQUEST_WITHDRAWN: self._withdrawn,
            EventKind.CREDENTIAL_REVOKED: self._credential_revoked,
            EventKind.ACCESS_REVOKED: self._access_revoked,
            EventKind.ACCESS_SUSPENDED: suspending.suspended,
            EventKind.ACCESS_RESUMED: suspending.resumed,
            EventKind.REAPPROVAL_ASKED: suspending.asked_again,
            EventKind.CREDENTIAL_CLAIM_REMINDED: secrets.unclaimed,
            EventKind.CREDENTIAL_ROTATION_REMINDED: secrets.to_rotate,
            EventKind.CREDENTIAL_SECRET_STOPPED: secrets.stopped,
            EventKind.SECRET_LEAKED: leaks.leaked,
            EventKind.REVIEWER_ASKED: self._asked,
            EventKind.STAGE_REMINDED: late.reminded,
            EventKind.STAGE_ESCALATED: late.escalated,
            EventKind.REQUEST_EXPIRED: late.expired,
            EventKind.ANSWER_REMINDED: late.unanswered,
            EventKind.DIGEST_SENT: late.digest,
            EventKind.INFORMATION_REQUESTED: deciding.question,
            EventKind.INFORMATION_GIVEN: deciding.answer,
            EventKind.REQUEST_EDITED: deciding.edited,
            EventKind.REVIEW_VOIDED: deciding.voided,
            EventKind.REQUEST_DENIED: deciding.denied,
            EventKind.DELEGATED: deciding.delegated,
            EventKind.DELEGATION_ENDED: deciding.delegation_ended,
            EventKind.PRODUCT_ENDING: leaving.announced,
            EventKind.PLAN_ENDING: leaving.announced,
            EventKind.PRODUCT_STATE_CHANGED: leaving.product_moved,
            EventKind.PLAN_ENDED: leaving.plan_ended,
            EventKind.USE_QUESTIONED: leaving.questioned,
            EventKind.APP_TRANSFERRED: leaving.transferred,
            EventKind.EXPIRY_NOTICED: expiry.noticed,
            EventKind.ACCESS_EXPIRED: expiry.ended,
            EventKind.POLICY_PROPOSED: seconding.policy,
            EventKind.POLICY_ACTIVATED: seconding.policy_in_force,
            EventKind.POLICY_SENT_BACK: seconding.policy_sent_back,
            EventKind.CHANGE_PROPOSED: seconding.change,
        }

    def drafts(self, kind: EventKind, subject: Any, reason: str, by: Any) -> Iterable[Draft]:
        """The mails that follow from this event; most have none."""
        if self._leaks.tell_all_about(kind, reason, by):
            return []
        writer = self._emergency.writer_for(kind, subject) or self._writers.get(kind)
        return writer(subject, reason, by) if writer is not None else []

    def compose(self, kind: str, recipient: User, values: Mapping[str, str], *, texts: Texts | None = None) -> Draft:
        """One mail to one person."""
        everywhere = {"recipient_name": recipient.display_name, "site_name": self.site_name}
        mail = render(kind, {**values, **everywhere}, texts=texts)
        return Draft(recipient.email, kind, mail.subject, {"text": mail.text, "html": mail.html})

    def to_each(self, kind: str, recipients: Iterable[User], values: Mapping[str, str]) -> list[Draft]:
        """The same mail to each of these people who has an open account, once."""
        people = {person.id: person for person in recipients if person.active}.values()
        texts = texts_of(kind) if people else None
        return [self.compose(kind, person, values, texts=texts) for person in people]

    def about(self, request: AccessRequest) -> dict[str, str]:
        """What every mail about a request says."""
        return _about(request)

    def about_stage(self, stage: ReviewStage, because: str) -> dict[str, str]:
        """What whoever is asked needs to know to answer."""
        request = stage.request
        values = {
            **_about(request),
            "requester_name": request.requester.display_name,
            "requester_email": request.requester.email,
            "organisation": request.requester.organisation.name,
            "terms": _terms(request),
            "reason": request.reason,
            "environment": request.environment.label,
            "stage": stage.name,
            "due": told(stage.due_at),
            "approval": "" if stage.is_task else "yes",
            "task": "yes" if stage.is_task else "",
            "because": because,
            "link": self._review_link(request),
        }
        return {**values, "notice": notice_in(str(stage.template.get("notice", "")), values)}

    def _stage_opened(self, stage: ReviewStage, reason: str, _by: Any) -> list[Draft]:
        told = {r.reviewer_id for r in stage.reviews if r.voided_by_revision and r.voided_at == now()}  # just before
        asked = (assignee.user for assignee in stage.active_assignees if assignee.user_id not in told)
        drafts = self.to_each("submitted", asked, self.about_stage(stage, reason))
        for deputy, absent in access.stand_ins(stage):
            because = f"You stand in for {absent.display_name}. {reason}".strip()
            drafts += self.to_each("submitted", [deputy], self.about_stage(stage, because))
        return drafts

    def _asked(self, assignee: StageAssignee, reason: str, by: Any) -> list[Draft]:
        """To somebody who is asked now and was not when the stage opened: by the clock, or by a colleague."""
        return self._late.asked(assignee, reason, by) if by is None else self._deciding.passed_on(assignee, reason, by)

    def _approved(self, request: AccessRequest, reason: str, by: Any) -> list[Draft]:
        automatic, credential = request.auto_approved and by is None, request.credential
        is_new = credential is None or credential.state is CredentialState.PENDING_REVEAL
        renewed = _new_end(request) if request.kind is RequestKind.RENEWAL and not is_new else ""
        known = credential.client_id if credential is not None and not is_new and not renewed else ""
        moved = request.kind is RequestKind.PLAN_CHANGE
        values = {
            **_about(request),
            "products": ", ".join(item.product.name for item in request.standing_items),
            "less": "\n".join(_left_out(request)),
            "automatic": "yes" if automatic else "",
            "comment": "" if automatic else reason,
            "conditions": "\n".join(access.conditions_of(request)),
            "until": f"{request.ends_on.day} {request.ends_on:%B %Y}" if request.ends_on is not None else "",
            "credential": "an API key" if request.auth_method is AuthMethod.API_KEY else "an OAuth client",
            "to_reveal": "yes" if is_new else "",
            "extended": "" if moved else known,
            "moved": known if moved else "",
            "renewed": renewed,
            "link": f"{self.base_url}/apps/{request.app_id}",
        }
        return [self.compose("approve", request.requester, values)]

    def _rejected(self, request: AccessRequest, reason: str, _by: Any) -> list[Draft]:
        values = {**_about(request), "reason": reason, "link": f"{self.base_url}/requests/{request.number}"}
        return [self.compose("reject", request.requester, values)]

    def _withdrawn(self, request: AccessRequest, reason: str, _by: Any) -> list[Draft]:
        values = {
            **_about(request),
            "requester_name": request.requester.display_name,
            "reason": reason,
            "link": self._review_link(request),
        }
        asked = [s for s in request.stages if s.state is StageState.CANCELLED and s.opened_at is not None]
        return self.to_each("withdrawn", (a.user for stage in asked for a in stage.assignees), values)

    def _credential_revoked(self, credential: Credential, reason: str, by: Any) -> list[Draft]:
        """What a credential opened ends with it. One that opened nothing any more went with its last access."""
        if by is not None and by.id == credential.app.owner_id:
            return []
        opened = [
            grant
            for grant in access.grants_of(credential.app)
            if grant.credential_id == credential.id and grant.state in HELD_STATES
        ]
        return self._revoked(credential, opened, reason) if opened else []

    def _access_revoked(self, grant: Grant, reason: str, by: Any) -> list[Draft]:
        if (by is not None and by.id == grant.app.owner_id) or not grant.credential.is_live:
            return []
        return self._revoked(grant.credential, [grant], reason)

    def _revoked(self, credential: Credential, grants: Iterable[Grant], reason: str) -> list[Draft]:
        values = {
            "app_name": credential.app.name,
            "products": ", ".join(grant.product.name for grant in grants),
            "client_id": credential.client_id,
            "reason": reason,
            "link": f"{self.base_url}/apps/{credential.app_id}",
        }
        return self.to_each("revoked", [credential.app.owner], values)

    def _review_link(self, request: AccessRequest) -> str:
        return f"{self.base_url}/admin/access-requests/{request.number}"


def _about(request: AccessRequest) -> dict[str, str]:
    return {
        "number": request.number,
        "app_name": request.app.name,
        "products": ", ".join(product.name for product in request.products),
        "plan": str(request.terms.get("plan") or request.plan.display_name),
    }


def _left_out(request: AccessRequest) -> Iterable[str]:
    """What was asked for and not approved, a line for each product that is concerned."""
    for item in request.items:
        dropped = [scope for scope in item.scopes if scope not in item.granted_scopes]
        if item.declined:
            yield f"{item.product.name} is declined: {item.declined_because}"
        elif dropped:
            yield f"{item.product.name} without {', '.join(dropped)}"


def _new_end(request: AccessRequest) -> str:
    """Until when renewed access goes on: to the first of its ends."""
    ends = [grant.ends_at for grant in access.grants_from(request) if grant.ends_at is not None]
    return f"until {told(min(ends))}" if ends else "without an end"


def _terms(request: AccessRequest) -> str:
    """What the requester will have, a line each, as it stood at submission."""
    terms = request.terms
    quota, period = terms.get("quota") or (None, None)
    rate, seconds = terms.get("rate") or (None, None)
    span = "second" if seconds == 1 else f"{seconds} seconds"
    days = terms.get("credential_lifetime_days")
    return "\n".join(
        (
            f"Quota: {quota:,} requests per {period}" if quota else "Quota: unlimited",
            f"Rate limit: {rate:,} requests per {span}" if rate else "Rate limit: unlimited",
            f"Credential: ends after {days} days" if days else "Credential: does not expire",
        )
    )
