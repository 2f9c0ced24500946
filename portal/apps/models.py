"""Developer apps: the programs that will call the APIs."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts import Organisation, User
from portal.db import Base, now, pk, words


class Visibility(StrEnum):
    """Who can see an app besides its owner (T80)."""

    PERSONAL = "personal"
    ORGANISATION = "organisation"


class DeveloperApp(Base):
    """A program of one developer, for which access is asked and credentials are issued."""

    __tablename__ = "developer_app"

    id: Mapped[pk]
    name: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(Text, default="")
    redirect_urls: Mapped[list[str]] = mapped_column(default=list)
    visibility: Mapped[Visibility] = mapped_column(words(Visibility), default=Visibility.PERSONAL)
    owner_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"), index=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=now)
    deleted_at: Mapped[datetime | None]

    owner: Mapped[User] = relationship()
    organisation: Mapped[Organisation] = relationship()

    __mapper_args__ = {"version_id_col": version}

    @property
    def label(self) -> str:
        """The name by which records call this app."""
        return self.name

    @property
    def is_live(self) -> bool:
        """Whether the app has not been deleted."""
        return self.deleted_at is None

    def is_visible_to(self, user: User) -> bool:
        """Whether this person may see the app: its owner, or a colleague when it is shared with the organisation."""
        if not self.is_live:
            return False
        shared = self.visibility is Visibility.ORGANISATION and self.organisation_id == user.organisation_id
        return self.owner_id == user.id or shared

    def is_editable_by(self, user: User) -> bool:
        """Whether this person may change the app, ask access for it and claim its secrets."""
        return self.is_live and self.owner_id == user.id
