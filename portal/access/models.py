"""The ask and the answer: carts, access requests with their review stages, and grants."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.access.review import ReviewStage, StageState
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, AuthMethod, Catalogue, Environment, Plan
from portal.credentials import Credential
from portal.db import Base, now, pk, words
from portal.errors import Conflict
from portal.policies import BASE_STAGE


class CartItem(Base):
    """A product that a consumer means to ask for, on the terms of a plan, from a catalogue."""

    __tablename__ = "cart_item"

    id: Mapped[pk]
    user_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("api_product.id", ondelete="CASCADE"), index=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id", ondelete="CASCADE"), index=True)
    catalogue_id: Mapped[int] = mapped_column(ForeignKey("catalogue.id", ondelete="CASCADE"), index=True)
    added_at: Mapped[datetime] = mapped_column(default=now)

    product: Mapped[ApiProduct] = relationship(lazy="joined", innerjoin=True)
    plan: Mapped[Plan] = relationship(lazy="joined", innerjoin=True)
    catalogue: Mapped[Catalogue] = relationship(lazy="joined", innerjoin=True)

    __table_args__ = (UniqueConstraint("user_id", "product_id"),)


class RequestStatus(StrEnum):
    """Where an access request stands; the only words for it anywhere."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    DENIED = "denied"


REQUEST_MOVES: dict[RequestStatus, frozenset[RequestStatus]] = {
    RequestStatus.PENDING: frozenset(set(RequestStatus) - {RequestStatus.PENDING}),
    RequestStatus.APPROVED: frozenset(),
    RequestStatus.REJECTED: frozenset(),
    RequestStatus.WITHDRAWN: frozenset(),
    RequestStatus.EXPIRED: frozenset(),
    RequestStatus.DENIED: frozenset(),
}


class RequestKind(StrEnum):
    """Why access is asked for."""

    NEW = "new"
    RENEWAL = "renewal"
    PLAN_CHANGE = "plan_change"
    BREAK_GLASS = "break_glass"
    REAPPROVAL = "reapproval"

    @property
    def label(self) -> str:
        """The kind as people read it."""
        return {"new": "New access", "break_glass": "Emergency access", "reapproval": "Re-approval"}.get(
            self.value, self.value.replace("_", " ").capitalize()
        )


# Decided by people. Written out and not bound, so that the databases know that the partial index fits.
_HERE = text("NOT auto_approved AND status IN ('approved', 'rejected')")
_EMERGENCY = text("kind = 'break_glass'")
ANSWERED = text("NOT access_request.auto_approved AND access_request.status IN ('approved', 'rejected')")


class AccessRequest(Base):
    """What a developer asked for, and what came of it."""

    __tablename__ = "access_request"

    id: Mapped[pk]
    batch: Mapped[str] = mapped_column(String(32), index=True)
    requester_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    app_id: Mapped[int] = mapped_column(ForeignKey("developer_app.id"), index=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"), index=True)
    kind: Mapped[RequestKind] = mapped_column(words(RequestKind), default=RequestKind.NEW)
    environment: Mapped[Environment] = mapped_column(words(Environment), default=Environment.TEST)
    answers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    form_ids: Mapped[list[int]] = mapped_column(JSON, default=list)
    answer_origins: Mapped[dict[str, dict[str, str]]] = mapped_column(JSON, default=dict)
    revision: Mapped[int] = mapped_column(default=1)
    catalogue_name: Mapped[str] = mapped_column(String(120))
    auth_method: Mapped[AuthMethod] = mapped_column(words(AuthMethod))
    credential_id: Mapped[int | None] = mapped_column(ForeignKey("credential.id"), index=True)
    credential_name: Mapped[str] = mapped_column(String(120), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[RequestStatus] = mapped_column(words(RequestStatus), default=RequestStatus.PENDING)
    auto_approved: Mapped[bool] = mapped_column(default=False)
    terms: Mapped[dict[str, Any]] = mapped_column(default=dict)
    ends_on: Mapped[date | None]
    content_hash: Mapped[str] = mapped_column(String(64))
    submitted_at: Mapped[datetime] = mapped_column(default=now)
    decided_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    requester: Mapped[User] = relationship()
    app: Mapped[DeveloperApp] = relationship()
    plan: Mapped[Plan] = relationship()
    credential: Mapped[Credential | None] = relationship()
    items: Mapped[list[RequestItem]] = relationship(back_populates="request", order_by="RequestItem.id")
    stages: Mapped[list[ReviewStage]] = relationship(
        back_populates="request", order_by="(ReviewStage.position, ReviewStage.id)"
    )

    __table_args__ = (
        Index("ix_access_request_requester_id_id", "requester_id", "id"),
        Index("ix_access_request_requester_id_status_id", "requester_id", "status", "id"),
        Index("ix_access_request_status_id", "status", "id"),
        Index("ix_access_request_emergencies", "kind", "status", sqlite_where=_EMERGENCY, postgresql_where=_EMERGENCY),
        Index("ix_access_request_answered", "plan_id", "environment", "id", sqlite_where=_HERE, postgresql_where=_HERE),
        Index("ix_access_request_requester_id_plan_id_submitted_at", "requester_id", "plan_id", "submitted_at"),
        {"sqlite_autoincrement": True},
    )
    __mapper_args__ = {"version_id_col": version}  # of two reviewers at once, the second is refused

    @property
    def number(self) -> str:
        """The public number, such as AR-2026-000001; made from a key that is never given out twice."""
        return f"AR-{self.submitted_at.year}-{self.id:06d}"

    @property
    def label(self) -> str:
        """The number by which records call this request."""
        return self.number

    @property
    def products(self) -> list[ApiProduct]:
        """The products that were asked for."""
        return [item.product for item in self.items]

    @property
    def standing_items(self) -> list[RequestItem]:
        """The lines of the request that no reviewer has declined."""
        return [item for item in self.items if not item.declined]

    @property
    def is_pending(self) -> bool:
        """Whether nobody has decided yet."""
        return self.status is RequestStatus.PENDING

    @property
    def open_stages(self) -> list[ReviewStage]:
        """The stages whose turn it is; several when they are answered side by side."""
        return [stage for stage in self.stages if stage.state is StageState.OPEN]

    @property
    def due_at(self) -> datetime | None:
        """When the earliest answer that is awaited is due; None when no clock runs."""
        return min((stage.due_at for stage in self.open_stages if stage.due_at is not None), default=None)

    @property
    def is_overdue(self) -> bool:
        """Whether an answer is later than it should be."""
        return self.is_pending and self.due_at is not None and self.due_at < now()

    @property
    def status_text(self) -> str:
        """The status as people read it; it names the stage that is awaited unless the owner alone is asked (C39)."""
        if not self.is_pending:
            return {RequestStatus.DENIED: "Denied by policy"}.get(self.status, self.status.value.capitalize())
        if any(stage.state is StageState.PAUSED for stage in self.stages):
            return "Information requested"
        if self.kind is RequestKind.BREAK_GLASS:
            return "Pending break-glass review"
        if self.open_stages and (len(self.stages) > 1 or self.stages[0].key != BASE_STAGE):
            return f"Pending {_in_short([stage.what_it_gives for stage in self.open_stages])}"
        return "Pending"

    def move_to(self, status: RequestStatus) -> None:
        """Close the request. Raises Conflict when it is closed already."""
        if status not in REQUEST_MOVES[self.status]:
            raise Conflict(f"{self.number} has already been {self.status}.")
        self.status = status
        self.decided_at = now()
        for item in self.items:
            item.is_open = False


def _in_short(given: Iterable[str]) -> str:
    """What open stages give, in one line: two of them and how many more, and "approval" said once."""
    awaited = list(dict.fromkeys(given))
    if len(awaited) > 2:
        awaited = [*(each.removesuffix(" approval") for each in awaited[:2]), f"{len(awaited) - 2} more"]
    elif all(each.endswith(" approval") for each in awaited):
        awaited[:-1] = [each.removesuffix(" approval") for each in awaited[:-1]]
    return " and ".join(each for each in (", ".join(awaited[:-1]), awaited[-1]) if each)


class RequestItem(Base):
    """One product of a request. While the request is open, no second one may ask the same for the same app there.

    ``scopes`` is what was asked for; ``approved_scopes`` is less when a reviewer narrowed it; a reviewer may also have
    ``declined`` the whole line, with the reason in ``declined_because``. ``api_version`` is the version that was chosen
    (C22); empty where the product has none to choose from.
    """

    __tablename__ = "access_request_item"

    id: Mapped[pk]
    request_id: Mapped[int] = mapped_column(ForeignKey("access_request.id"), index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("api_product.id"))
    app_id: Mapped[int] = mapped_column(ForeignKey("developer_app.id"))
    environment: Mapped[Environment] = mapped_column(words(Environment), default=Environment.TEST)
    scopes: Mapped[list[str]] = mapped_column(default=list)
    approved_scopes: Mapped[list[str] | None] = mapped_column(JSON)
    declined: Mapped[bool] = mapped_column(default=False)
    declined_because: Mapped[str] = mapped_column(Text, default="")
    api_version: Mapped[str] = mapped_column(String(80), default="")
    is_open: Mapped[bool] = mapped_column(default=True)

    request: Mapped[AccessRequest] = relationship(back_populates="items")
    product: Mapped[ApiProduct] = relationship()

    @property
    def granted_scopes(self) -> list[str]:
        """The scopes that approval opens: those asked for, unless a reviewer narrowed them."""
        return self.scopes if self.approved_scopes is None else self.approved_scopes

    __table_args__ = (
        Index("ix_access_request_item_product_id_request_id", "product_id", "request_id"),
        Index(
            "uq_access_request_item_open",
            "app_id",
            "product_id",
            "environment",
            unique=True,
            sqlite_where=text("is_open"),
            postgresql_where=text("is_open"),
        ),
    )


class GrantState(StrEnum):
    """Whether an access still stands. Suspended access opens nothing, and can be resumed."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


GRANT_MOVES: dict[GrantState, frozenset[GrantState]] = {
    GrantState.ACTIVE: frozenset({GrantState.SUSPENDED, GrantState.REVOKED, GrantState.EXPIRED, GrantState.SUPERSEDED}),
    GrantState.SUSPENDED: frozenset({GrantState.ACTIVE, GrantState.REVOKED, GrantState.EXPIRED, GrantState.SUPERSEDED}),
    GrantState.REVOKED: frozenset(),
    GrantState.EXPIRED: frozenset(),
    GrantState.SUPERSEDED: frozenset(),
}
HELD_STATES = (GrantState.ACTIVE, GrantState.SUSPENDED)
HELD = text("state IN ('active', 'suspended')")
_AWAITED = text("reapprove_by IS NOT NULL AND state = 'active'")


class Cause(StrEnum):
    """Why an access was suspended, when it was no person who did it."""

    NOT_REAPPROVED = "not_reapproved"
    USAGE = "usage"


class Grant(Base):
    """The access of one app to one product, on the terms that were approved.

    ``reapprove_by`` is until when somebody has to approve it again; from then on it opens nothing (C130).
    """

    __tablename__ = "access_grant"

    id: Mapped[pk]
    request_id: Mapped[int] = mapped_column(ForeignKey("access_request.id"), index=True)
    app_id: Mapped[int] = mapped_column(ForeignKey("developer_app.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("api_product.id"), index=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"), index=True)
    credential_id: Mapped[int] = mapped_column(ForeignKey("credential.id"), index=True)
    environment: Mapped[Environment] = mapped_column(words(Environment), default=Environment.TEST)
    scopes: Mapped[list[str]] = mapped_column(default=list)
    conditions: Mapped[list[str]] = mapped_column(default=list)
    terms: Mapped[dict[str, Any]] = mapped_column(default=dict)
    terms_hash: Mapped[str] = mapped_column(String(64), default="")
    renews_id: Mapped[int | None] = mapped_column(ForeignKey("access_grant.id"), index=True)
    state: Mapped[GrantState] = mapped_column(words(GrantState), default=GrantState.ACTIVE)
    starts_at: Mapped[datetime] = mapped_column(default=now)
    ends_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    suspended_reason: Mapped[str] = mapped_column(Text, default="")
    suspended_by_app: Mapped[bool] = mapped_column(default=False)
    suspended_cause: Mapped[Cause | None] = mapped_column(words(Cause))
    reapprove_by: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[int] = mapped_column(default=1)

    request: Mapped[AccessRequest] = relationship()
    app: Mapped[DeveloperApp] = relationship()
    product: Mapped[ApiProduct] = relationship()
    plan: Mapped[Plan] = relationship()
    credential: Mapped[Credential] = relationship()

    __table_args__ = (
        Index(
            "uq_access_grant_live",
            "app_id",
            "product_id",
            "environment",
            unique=True,
            sqlite_where=HELD,
            postgresql_where=HELD,
        ),
        Index("ix_access_grant_reapprove_by", "reapprove_by", sqlite_where=_AWAITED, postgresql_where=_AWAITED),
    )
    __mapper_args__ = {"version_id_col": version}

    @property
    def label(self) -> str:
        """How records call this access."""
        return f"{self.product.name} for {self.app.name}"

    @property
    def is_live(self) -> bool:
        """Whether the access opens something now."""
        return self.state is GrantState.ACTIVE and self.is_held and not self.lacks_approval

    @property
    def lacks_approval(self) -> bool:
        """Whether it should have been approved again by now, so that it opens nothing, worker or not."""
        return self.reapprove_by is not None and self.reapprove_by <= now()

    @property
    def is_held(self) -> bool:
        """Whether the app has the access now, suspended or not."""
        return self.state in HELD_STATES and (self.ends_at is None or now() < self.ends_at)

    @property
    def is_shut(self) -> bool:
        """Whether the product asks for another authentication method now, so that this opens nothing (T14)."""
        return self.is_held and self.product.auth_method is not self.credential.auth_method

    @property
    def status(self) -> str:
        """The state as people read it; access whose time is over is expired, worker or not."""
        if self.state in HELD_STATES and not self.is_held:
            return "Expired"
        if self.state is GrantState.ACTIVE and self.lacks_approval:
            return "Suspended"
        return "Replaced" if self.state is GrantState.SUPERSEDED else self.state.value.capitalize()

    def move_to(self, state: GrantState) -> None:
        """Change the state. Raises Conflict for a move that is not in ``GRANT_MOVES``."""
        if state not in GRANT_MOVES[self.state]:
            raise Conflict(f"This access is {self.status.lower()} already.")
        self.state = state

    def revoke(self, reason: str) -> None:
        """End the access. Raises Conflict when it has ended already."""
        self.move_to(GrantState.REVOKED)
        self.revoked_at, self.revoked_reason = now(), reason
