"""Envelopes: what may be had in an emergency, by whom and for how long, set by an administrator beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column as TableColumn
from sqlalchemy import ForeignKey, String, Table, select
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship, selectinload
from sqlalchemy.orm.attributes import flag_modified

from portal.accounts import Right, User
from portal.blanks import is_blank
from portal.catalog import ApiProduct, Environment, Plan
from portal.db import Base, db, key, lock, now, pk, words
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind, record

MOST_EMERGENCY_MINUTES = 240
LONGEST_NAME = 120

envelope_person = Table(
    "break_glass_person",
    Base.metadata,
    TableColumn("envelope_id", key, ForeignKey("break_glass_envelope.id", ondelete="CASCADE"), primary_key=True),
    TableColumn("user_id", key, ForeignKey("portal_user.id"), primary_key=True, index=True),
)


class Envelope(Base):
    """What may be had in an emergency, by whom, and for how long at most."""

    __tablename__ = "break_glass_envelope"

    id: Mapped[pk]
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    product_id: Mapped[int] = mapped_column(ForeignKey("api_product.id"), index=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id"))
    environment: Mapped[Environment] = mapped_column(words(Environment), default=Environment.PROD)
    scopes: Mapped[list[str]] = mapped_column(default=list)
    most_minutes: Mapped[int] = mapped_column(default=60)
    is_open: Mapped[bool] = mapped_column(default=True)
    created_by_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    version: Mapped[int] = mapped_column(default=1)

    product: Mapped[ApiProduct] = relationship()
    plan: Mapped[Plan] = relationship()
    created_by: Mapped[User] = relationship(foreign_keys=[created_by_id])
    people: Mapped[list[User]] = relationship(secondary=envelope_person, order_by=User.id)

    __mapper_args__ = {"version_id_col": version}

    @property
    def label(self) -> str:
        """The name by which records call this envelope."""
        return self.name


@dataclass(frozen=True)
class EnvelopeTerms:
    """What an envelope is to say. No ``scopes`` means all that the plan opens of the product."""

    name: str
    product: ApiProduct
    plan: Plan
    scopes: Sequence[str]
    most_minutes: int
    people: Sequence[User]
    environment: Environment = Environment.PROD


def set_envelope(terms: EnvelopeTerms, *, by: User) -> Envelope:
    """Say what may be had in an emergency; the people whom it names can use it at once.

    Raises NotAllowed without the right, Invalid naming the field.
    """
    _refuse_unusable(terms, by)
    return _put(Envelope(created_by=by), terms, by=by, before=None)


def change_envelope(envelope: Envelope, terms: EnvelopeTerms, *, by: User, version: int | None = None) -> Envelope:
    """Say something else from the next emergency on. Raises what ``set_envelope`` raises.

    Raises Conflict when the envelope is closed, or is no longer the ``version`` that was on the screen.
    """
    _refuse_others(by)
    locked = _locked_as_seen(envelope, version)
    _refuse_unusable(terms, by)
    return _put(locked, terms, by=by, before=_told(locked))


def close_envelope(envelope: Envelope, *, by: User) -> None:
    """Let nobody use it any more; what is under way goes on to its end."""
    _refuse_others(by)
    locked = lock(Envelope, envelope.id)
    if locked is None or not locked.is_open:
        raise Conflict("This envelope is closed already.")
    locked.is_open = False
    record(EventKind.ENVELOPE_CLOSED, subject=locked, by=by)


def envelopes() -> Sequence[Envelope]:
    """All envelopes, the open ones first."""
    query = select(Envelope).options(joinedload(Envelope.product), selectinload(Envelope.people))
    return db.session.scalars(query.order_by(Envelope.is_open.desc(), Envelope.name)).unique().all()


def envelopes_for(person: User) -> Sequence[Envelope]:
    """What this person may have in an emergency."""
    query = select(Envelope).join(envelope_person).where(envelope_person.c.user_id == person.id, Envelope.is_open)
    return db.session.scalars(query.options(joinedload(Envelope.product)).order_by(Envelope.name)).unique().all()


def find_envelope(envelope_id: int) -> Envelope | None:
    """The envelope with this key."""
    return db.session.get(Envelope, envelope_id)


def _refuse_others(by: User) -> None:
    if not by.may(Right.EDIT_POLICIES):
        raise NotAllowed("You may not set what can be had in an emergency.")


def _refuse_unusable(terms: EnvelopeTerms, by: User) -> None:
    _refuse_others(by)
    if is_blank(terms.name):
        raise Invalid("Give it a name.", field="name")
    if not terms.product.is_requestable:
        raise Invalid(f"{terms.product.name} cannot be requested.", field="product")
    if unknown := set(terms.scopes) - set(terms.plan.scopes_for(terms.product)):
        raise Invalid(f"{', '.join(sorted(unknown))} is not open on {terms.plan.display_name}.", field="scopes")
    if not 1 <= terms.most_minutes <= MOST_EMERGENCY_MINUTES:
        raise Invalid(f"Choose between 1 and {MOST_EMERGENCY_MINUTES} minutes.", field="most_minutes")
    if by.id in {person.id for person in terms.people}:
        raise Invalid("Nobody sets an envelope for themselves. Another administrator can.", field="people")


def _put(envelope: Envelope, terms: EnvelopeTerms, *, by: User, before: dict[str, Any] | None) -> Envelope:
    envelope.name = terms.name.strip()[:LONGEST_NAME]
    envelope.product, envelope.plan, envelope.environment = terms.product, terms.plan, terms.environment
    envelope.scopes = list(terms.scopes) or terms.plan.scopes_for(terms.product)
    envelope.most_minutes, envelope.people = terms.most_minutes, list(terms.people)
    flag_modified(envelope, "name")  # who is named stands in another table; the version counts for that too
    db.session.add(envelope)
    record(EventKind.ENVELOPE_SET, subject=envelope, by=by, before=before, after=_told(envelope))
    return envelope


def _locked_as_seen(envelope: Envelope, version: int | None) -> Envelope:
    locked = lock(Envelope, envelope.id)
    if locked is None or not locked.is_open:
        raise Conflict("This envelope is closed. Set up another one.")
    if version is not None and locked.version != version:
        raise Conflict("Somebody else has changed this envelope since you opened it.")
    return locked


def _told(envelope: Envelope) -> dict[str, Any]:
    """What the record says of an envelope."""
    return {
        "name": envelope.name,
        "product": envelope.product.name,
        "plan": envelope.plan.display_name,
        "environment": envelope.environment,
        "scopes": envelope.scopes,
        "minutes": envelope.most_minutes,
        "people": [person.email for person in envelope.people],
    }
