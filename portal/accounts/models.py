"""People, their organisations, and the sessions in which they are signed in."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from flask_security.core import RoleMixin, UserMixin
from sqlalchemy import Column, ForeignKey, Index, String, Table, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts.rights import ROLE_RIGHTS, Right, RoleName
from portal.db import Base, key, now, pk, words


class OrganisationKind(StrEnum):
    """How an organisation stands to the one that runs the portal; policies may ask for it (C53)."""

    INTERNAL = "internal"
    PARTNER = "partner"
    VENDOR = "vendor"


class Organisation(Base):
    """A company or group that people and apps belong to. Exactly one is the default, for people on their own.

    ``sponsor`` is the person of ours who answers for the relationship (C67).
    """

    __tablename__ = "organisation"

    id: Mapped[pk]
    name: Mapped[str] = mapped_column(String(120), unique=True)
    is_default: Mapped[bool] = mapped_column(default=False)
    kind: Mapped[OrganisationKind] = mapped_column(words(OrganisationKind), default=OrganisationKind.INTERNAL)
    sponsor_id: Mapped[int | None] = mapped_column(
        ForeignKey("portal_user.id", name="fk_organisation_sponsor_id_portal_user", use_alter=True)
    )
    created_at: Mapped[datetime] = mapped_column(default=now)

    sponsor: Mapped[User | None] = relationship(foreign_keys=[sponsor_id], post_update=True)

    __table_args__ = (
        Index(
            "uq_organisation_default",
            "is_default",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
    )

    @property
    def label(self) -> str:
        """The name by which records call this organisation."""
        return self.name


user_role = Table(
    "user_role",
    Base.metadata,
    Column("user_id", key, ForeignKey("portal_user.id"), primary_key=True),
    Column("role_id", key, ForeignKey("role.id"), primary_key=True),
)


class Role(Base, RoleMixin):
    """A set of rights under a name that people know (``RoleName``)."""

    __tablename__ = "role"

    id: Mapped[pk]
    name: Mapped[str] = mapped_column(String(40), unique=True)


class User(Base, UserMixin):
    """A person with an account."""

    __tablename__ = "portal_user"

    id: Mapped[pk]
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(120), default="")
    password: Mapped[str | None] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    # Not unique, as it could be: changing a unique column waits on PostgreSQL for all who just referred to the person.
    fs_uniquifier: Mapped[str] = mapped_column(String(64), index=True)
    confirmed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_sign_in_at: Mapped[datetime | None]
    reset_token_hash: Mapped[str | None] = mapped_column(String(64), unique=True, index=True)
    reset_asked_at: Mapped[datetime | None]
    new_email: Mapped[str | None] = mapped_column(String(254))
    new_email_token_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    new_email_asked_at: Mapped[datetime | None]
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)

    organisation: Mapped[Organisation] = relationship(lazy="joined", innerjoin=True, foreign_keys=[organisation_id])
    roles: Mapped[list[Role]] = relationship(secondary=user_role, lazy="selectin")  # type: ignore[assignment]
    groups: Mapped[list[ReviewerGroup]] = relationship(secondary="group_member", viewonly=True)

    @property
    def label(self) -> str:
        """The address by which records name this person."""
        return self.email

    @property
    def display_name(self) -> str:
        """The name that other people see."""
        return self.name or self.email

    @property
    def role_names(self) -> set[RoleName]:
        """The roles this person has."""
        return {RoleName(role.name) for role in self.roles}

    @property
    def rights(self) -> set[Right]:
        """Everything that this person's roles allow; nothing when the account is not active."""
        if not self.active:
            return set()
        return {right for role in self.role_names for right in ROLE_RIGHTS[role]}

    def forget_new_address(self) -> None:
        """Void the link for another mail address, if one is open."""
        self.new_email = self.new_email_token_hash = self.new_email_asked_at = None

    def may(self, right: Right) -> bool:
        """Whether this person has that right now."""
        return right in self.rights


group_member = Table(
    "group_member",
    Base.metadata,
    Column("group_id", key, ForeignKey("reviewer_group.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", key, ForeignKey("portal_user.id"), primary_key=True, index=True),
)


class ReviewerGroup(Base):
    """People who answer a review stage together, such as Legal; an administrator fills it (C34)."""

    __tablename__ = "reviewer_group"

    id: Mapped[pk]
    key: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    description: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[datetime] = mapped_column(default=now)

    members: Mapped[list[User]] = relationship(secondary=group_member, order_by=User.id)

    @property
    def label(self) -> str:
        """The name by which records call this group."""
        return self.name


class WebSession(Base):
    """One browser's session. The cookie holds a random id and only its hash stands here: the table opens nothing."""

    __tablename__ = "web_session"

    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("portal_user.id"), index=True)
    content: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now, index=True)
    user_agent: Mapped[str] = mapped_column(String(200), default="")
