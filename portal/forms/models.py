"""Versioned forms, who uses them, what people have begun to fill in, and the files that they hand in."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, inspect, text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from portal.accounts import User
from portal.catalog import ApiProduct, Plan
from portal.db import Base, now, pk, words
from portal.errors import Conflict
from portal.forms.fields import Field
from portal.forms.reading import read_fields


class FormState(StrEnum):
    """Where a version of a form stands in its life."""

    DRAFT = "draft"
    ACTIVE = "active"
    RETIRED = "retired"


FORM_MOVES: dict[FormState, frozenset[FormState]] = {
    FormState.DRAFT: frozenset({FormState.ACTIVE}),
    FormState.ACTIVE: frozenset({FormState.RETIRED}),
    FormState.RETIRED: frozenset(),
}


class FormDefinition(Base):
    """One version of a form. Versions of the same form share a ``key``; requests name the version they answer.

    A form belongs to a product, to a plan, or to neither: then any product and plan can use it.
    """

    __tablename__ = "form_definition"

    id: Mapped[pk]
    key: Mapped[str] = mapped_column(String(40))
    version: Mapped[int] = mapped_column(default=1)
    name: Mapped[str] = mapped_column(String(120))
    state: Mapped[FormState] = mapped_column(words(FormState), default=FormState.DRAFT)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("api_product.id", ondelete="CASCADE"), index=True)
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("plan.id", ondelete="CASCADE"), index=True)
    fields: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    revision: Mapped[int] = mapped_column(default=1)
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("portal_user.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)
    activated_at: Mapped[datetime | None]

    product: Mapped[ApiProduct | None] = relationship()
    plan: Mapped[Plan | None] = relationship()
    made_by: Mapped[User | None] = relationship()

    __table_args__ = (
        UniqueConstraint("key", "version"),
        CheckConstraint("product_id is null or plan_id is null", name="of_one_thing"),
        *(
            Index(
                f"uq_form_definition_{state}",
                "key",
                unique=True,
                sqlite_where=text(f"state = '{state}'"),
                postgresql_where=text(f"state = '{state}'"),
            )
            for state in ("active", "draft")
        ),
    )
    __mapper_args__ = {"version_id_col": revision}

    @validates("fields", "name", "key", "version")
    def _only_a_draft_changes(self, attribute: str, value: Any) -> Any:
        """What people have filled in stays as it was asked."""
        if inspect(self).has_identity and self.state is not FormState.DRAFT:
            raise Conflict(f"{self.label} is {self.state}: it never changes. Make a new version instead.")
        return value

    @property
    def label(self) -> str:
        """How records and requests call this version."""
        return f"{self.name}, version {self.version}"

    @property
    def is_draft(self) -> bool:
        """Whether it can still be changed."""
        return self.state is FormState.DRAFT

    @property
    def questions(self) -> list[Field]:
        """The fields, ready to be asked."""
        return read_fields(self.fields)

    def move_to(self, state: FormState) -> None:
        """Change the state. Raises Conflict for a move that is not in ``FORM_MOVES``."""
        if state not in FORM_MOVES[self.state]:
            raise Conflict(f"{self.label} is {self.state} and cannot become {state}.")
        self.state = state
        if state is FormState.ACTIVE:
            self.activated_at = now()


class FormUse(Base):
    """Which form, in whatever version is active, is asked for a product or on a plan. No row: no form."""

    __tablename__ = "form_use"

    id: Mapped[pk]
    product_id: Mapped[int | None] = mapped_column(ForeignKey("api_product.id", ondelete="CASCADE"), unique=True)
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("plan.id", ondelete="CASCADE"), unique=True)
    form_key: Mapped[str] = mapped_column(String(40), index=True)

    __table_args__ = (CheckConstraint("(product_id is null) <> (plan_id is null)", name="by_one_thing"),)


class FormDraft(Base):
    """What a person has typed into the cart page and not yet submitted. Nobody else ever sees it."""

    __tablename__ = "form_draft"

    id: Mapped[pk]
    user_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id", ondelete="CASCADE"), unique=True)
    typed: Mapped[dict[str, Any]] = mapped_column(default=dict)
    saved_at: Mapped[datetime] = mapped_column(default=now)


class StoredFile(Base):
    """The bytes of a file, once, under their SHA-256. Written and never changed; a trigger holds to that."""

    __tablename__ = "stored_file"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int]
    stored_at: Mapped[datetime] = mapped_column(default=now)
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)

    @validates("sha256", "content", "size")
    def _written_once(self, attribute: str, value: Any) -> Any:
        if getattr(self, attribute) is not None:
            raise Conflict("The bytes of a file never change. Hand in another file.")
        return value


class Attachment(Base):
    """A file that somebody handed in, with the name they gave it.

    ``sealed_at`` is set when the request is submitted; from then on the row never changes, and a replacement is a row
    of its own that ``replaces`` it.
    """

    __tablename__ = "attachment"

    id: Mapped[pk]
    sha256: Mapped[str] = mapped_column(ForeignKey("stored_file.sha256"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    media_type: Mapped[str] = mapped_column(String(60))
    size: Mapped[int]
    version: Mapped[int] = mapped_column(default=1)
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"), unique=True)
    uploader_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"), index=True)
    added_at: Mapped[datetime] = mapped_column(default=now)
    sealed_at: Mapped[datetime | None]

    file: Mapped[StoredFile] = relationship()
    uploader: Mapped[User] = relationship()
    replaces: Mapped[Attachment | None] = relationship(remote_side="Attachment.id")

    __table_args__ = ({"sqlite_autoincrement": True},)  # answers name files by key: none is given out twice

    @property
    def label(self) -> str:
        """The name by which records call this file."""
        return f"{self.name}, version {self.version}"

    def reference(self) -> dict[str, Any]:
        """How an answer names this file: enough to know later exactly which bytes were meant."""
        return {
            "id": self.id,
            "name": self.name,
            "sha256": self.sha256,
            "size": self.size,
            "media_type": self.media_type,
            "version": self.version,
            "at": self.added_at.isoformat(timespec="seconds"),
        }
