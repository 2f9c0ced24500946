"""Access in an emergency: at once, within an envelope that was set beforehand, loudly, and with a debt.

An administrator says beforehand who may break the glass for which product, with which scopes and for how long. Whoever
does gets access at once and owes a review: the request stays open until somebody else has looked at it. A debt that is
refused, or not paid in time, ends the access and bars that person from doing it again (domain model, stage flow 9).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Text, UniqueConstraint, literal_column, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from portal.access.envelopes import Envelope
from portal.access.models import AccessRequest, Grant, GrantState, RequestItem, RequestKind, RequestStatus
from portal.access.provisioning import provision
from portal.access.queries import requests_with_ids
from portal.access.review import ReviewStage
from portal.access.rules import LONGEST_REASON
from portal.access.staffing import open_stage
from portal.access.terms import content_hash, terms_of
from portal.accounts import Right, RoleName, User, people_with_role
from portal.apps import DeveloperApp
from portal.blanks import is_blank
from portal.catalog import PlanState
from portal.db import Base, db, lock, now, pk
from portal.errors import Conflict, Invalid, NotAllowed, NotFound
from portal.events import EventKind, record
from portal.policies import StageTemplate

DEBT = StageTemplate.from_json(
    {
        "key": "break_glass_review",
        "name": "Break-glass review",
        "sources": [{"kind": "role", "role": "security_reviewer"}],
        "fallback": [{"kind": "role", "role": "administrator"}],
        "escalation": [{"kind": "role", "role": "administrator"}],
        "times": {"due_hours": 16, "remind_hours": 8, "escalate_hours": 12, "expire_hours": 16},
        "reason_required": True,
        "may_be_added": False,
    }
)


class BreakGlassBar(Base):
    """That a person may not break the glass any more, since a debt was not paid; an administrator can lift it."""

    __tablename__ = "break_glass_bar"

    id: Mapped[pk]
    user_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    request_id: Mapped[int] = mapped_column(ForeignKey("access_request.id"))
    reason: Mapped[str] = mapped_column(Text, default="")
    since: Mapped[datetime] = mapped_column(default=now)
    lifted_at: Mapped[datetime | None]

    user: Mapped[User] = relationship()

    __table_args__ = (UniqueConstraint("user_id", "request_id"),)

    @property
    def label(self) -> str:
        """How records call this bar."""
        return self.user.email


def break_glass(
    envelope: Envelope, app: DeveloperApp, *, by: User, reason: str, minutes: int, step_up: str
) -> AccessRequest:
    """Give this app the envelope's access now, for so many minutes, and open the debt that the person owes for it.

    Raises NotAllowed for people whom the envelope does not name or who are barred, Invalid naming the field for what is
    missing, Conflict when the app has that access already or an earlier debt is still open.
    """
    held = lock(Envelope, envelope.id)
    if held is None or not held.is_open or by.id not in {person.id for person in held.people}:
        raise NotAllowed("This emergency access is not set up for you.")
    lock(User, by.id)  # two envelopes at once are still one debt
    if bar := bar_of(by):
        raise NotAllowed(f"You may not use emergency access: {bar.reason}")
    locked = lock(DeveloperApp, app.id)
    if locked is None or not locked.is_editable_by(by):
        raise NotAllowed("You can only ask for your own apps.")
    _refuse_incomplete(held, reason, minutes, step_up)
    _refuse_outdated(held)
    if debt_of(by):
        raise Conflict("Your last emergency access has not been reviewed yet.")
    request = _request_for(held, app, by, reason)
    try:
        with db.session.begin_nested():
            db.session.add(request)
            db.session.flush()
            provision(request, by=by, until=now() + timedelta(minutes=minutes))
    except IntegrityError as error:
        raise Conflict(f"{app.name} already has access to {held.product.name}, or asks for it.") from error
    record(
        EventKind.GLASS_BROKEN,
        subject=request,
        by=by,
        reason=request.reason,
        after={"envelope": held.name, "minutes": minutes, "scopes": held.scopes, "proved_by": step_up},
    )
    open_stage(request.stages[0], by=by)
    return request


def bar_after(request: AccessRequest, reason: str) -> None:
    """Bar whoever owed this review from doing it again, when it ended without a yes. Others are left alone."""
    if request.kind is not RequestKind.BREAK_GLASS:
        return
    because = f"The review of {request.number} ended with: {reason}"
    bar = BreakGlassBar(user_id=request.requester_id, user=request.requester, request_id=request.id, reason=because)
    db.session.add(bar)
    record(EventKind.BARRED, subject=bar, by=None, reason=because)


def bar_of(person: User) -> BreakGlassBar | None:
    """Why this person may not break the glass; None when they may."""
    query = select(BreakGlassBar).where(BreakGlassBar.user_id == person.id, BreakGlassBar.lifted_at.is_(None))
    return db.session.scalars(query.limit(1)).first()


def bars() -> Sequence[BreakGlassBar]:
    """Everybody who is barred now."""
    query = select(BreakGlassBar).where(BreakGlassBar.lifted_at.is_(None)).options(joinedload(BreakGlassBar.user))
    return db.session.scalars(query.order_by(BreakGlassBar.id)).unique().all()


def lift_bar(bar: BreakGlassBar, *, by: User, reason: str) -> None:
    """Let a person break the glass again; never oneself."""
    if not by.may(Right.EDIT_POLICIES) or bar.user_id == by.id:
        raise NotAllowed("Another administrator has to lift this.")
    if is_blank(reason):
        raise Invalid("Say why.", field="reason")
    locked = lock(BreakGlassBar, bar.id)
    if locked is None or locked.lifted_at is not None:
        raise NotFound("This has been lifted already.")
    locked.lifted_at = now()
    record(EventKind.BAR_LIFTED, subject=locked, by=by, reason=reason.strip())


def find_bar(bar_id: int) -> BreakGlassBar | None:
    """The bar with this key."""
    return db.session.get(BreakGlassBar, bar_id)


def people_told(request: AccessRequest) -> list[User]:
    """Everybody who hears of an emergency at once: administrators, security reviewers, the owners of the products.

    Whoever asked for it hears of it too, since it may have been somebody else with their account.
    """
    owners = [owner for product in request.products for owner in product.owners]
    named = [*people_with_role(RoleName.ADMINISTRATOR), *people_with_role(RoleName.SECURITY_REVIEWER)]
    return [*named, *owners, request.requester]


def emergency_credentials(app: DeveloperApp) -> set[int]:
    """The keys of the app's credentials that came of an emergency."""
    query = select(Grant.credential_id).join(AccessRequest, AccessRequest.id == Grant.request_id)
    return set(db.session.scalars(query.where(Grant.app_id == app.id, AccessRequest.kind == RequestKind.BREAK_GLASS)))


def emergencies(*, seen_by: User | None = None) -> Sequence[Grant]:
    """The emergency access that stands now, all or what this person may see: what the dashboard shouts about."""
    query = (
        select(Grant)
        .join(AccessRequest)
        .where(
            AccessRequest.kind == literal_column("'break_glass'"),  # as in the index: few of all that wait
            AccessRequest.status == RequestStatus.PENDING,
            Grant.state == GrantState.ACTIVE,
            Grant.ends_at > now(),
        )
        .options(joinedload(Grant.request), joinedload(Grant.app), joinedload(Grant.product))
    )
    standing = db.session.scalars(query.order_by(Grant.id)).unique().all()
    if seen_by is None or not standing:
        return standing
    visible = {request.id for request in requests_with_ids([g.request_id for g in standing], seen_by=seen_by)}
    return [grant for grant in standing if grant.request_id in visible]


def debt_of(person: User) -> AccessRequest | None:
    """The emergency of this person that nobody has reviewed yet."""
    query = select(AccessRequest).where(
        AccessRequest.requester_id == person.id,
        AccessRequest.kind == RequestKind.BREAK_GLASS,
        AccessRequest.status == RequestStatus.PENDING,
    )
    return db.session.scalars(query.limit(1)).first()


def _refuse_incomplete(envelope: Envelope, reason: str, minutes: int, step_up: str) -> None:
    if is_blank(reason):
        raise Invalid("Say what the emergency is.", field="reason")
    if len(reason) > LONGEST_REASON:
        raise Invalid(f"The reason is longer than {LONGEST_REASON} characters.", field="reason")
    if not 1 <= minutes <= envelope.most_minutes:
        raise Invalid(f"Choose between 1 and {envelope.most_minutes} minutes.", field="minutes")
    if not step_up:
        raise Invalid("Give your password again.", field="password")


def _refuse_outdated(envelope: Envelope) -> None:
    """Say it when what the envelope is about has ended since it was set: access to it would open nothing."""
    ended = [envelope.product.name] if not envelope.product.is_requestable else []
    ended += [envelope.plan.display_name] if envelope.plan.state is PlanState.RETIRED else []
    if ended:
        raise Conflict(f"{' and '.join(ended)} cannot be had any more. An administrator has to set this up anew.")


def _request_for(envelope: Envelope, app: DeveloperApp, by: User, reason: str) -> AccessRequest:
    product = envelope.product
    stage = ReviewStage(
        key=DEBT.key,
        name=DEBT.name,
        because=f"{by.display_name} has broken the glass; somebody else looks at whether that was right.",
        template=DEBT.as_json(),
        position=1,
    )
    request = AccessRequest(
        batch=uuid.uuid4().hex,
        kind=RequestKind.BREAK_GLASS,
        revision=1,
        requester=by,
        app=app,
        plan=envelope.plan,
        environment=envelope.environment,
        answers={},
        form_ids=[],
        catalogue_name="",
        auth_method=product.auth_method,
        credential_name="Emergency",
        reason=reason.strip(),
        items=[
            RequestItem(
                product=product, app_id=app.id, environment=envelope.environment, scopes=envelope.scopes, is_open=True
            )
        ],
        stages=[stage],
    )
    request.terms = terms_of(request)
    request.content_hash = content_hash(request)
    return request
