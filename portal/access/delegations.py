"""Standing in for somebody: a delegation lets a person answer what waits for another, from one date to another.

Whoever stands in gives the other's vote and uses up their own (I5). There are no chains: only those who are asked
themselves can be stood in for. Nobody stands in for a decision about their own request.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, Select, Text, or_, select
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from portal.accounts import Right, User
from portal.blanks import is_blank
from portal.db import Base, db, lock, now, pk
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind, record

LONGEST_DELEGATION = timedelta(days=60)


class Delegation(Base):
    """One person standing in for another for a time."""

    __tablename__ = "delegation"

    id: Mapped[pk]
    from_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"), index=True)
    to_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]

    from_user: Mapped[User] = relationship(foreign_keys=[from_id])
    to_user: Mapped[User] = relationship(foreign_keys=[to_id])

    __table_args__ = (Index("ix_delegation_to_id_ends_at", "to_id", "ends_at"),)

    @property
    def label(self) -> str:
        """How records call this delegation."""
        return f"{self.to_user.email} for {self.from_user.email}"

    @property
    def is_live(self) -> bool:
        """Whether it holds now."""
        return self.ended_at is None and self.starts_at <= now() < self.ends_at and self.from_user.active

    @property
    def is_over(self) -> bool:
        """Whether it will never hold again."""
        return self.ended_at is not None or self.ends_at <= now()


def delegate(to: User, *, by: User, starts_at: datetime, ends_at: datetime, reason: str = "") -> Delegation:
    """Let somebody answer in one's place. Raises Invalid for dates or people that cannot be, naming the field."""
    if not by.may(Right.DECIDE_REQUESTS):
        raise NotAllowed("You have nothing to decide that somebody could stand in for.")
    if to.id == by.id:
        raise Invalid("Choose somebody else than yourself.", field="to")
    if not to.may(Right.DECIDE_REQUESTS):
        raise Invalid(f"{to.display_name} cannot decide access requests.", field="to")
    if ends_at <= starts_at or ends_at <= now():
        raise Invalid("The end must come after the beginning, and lie ahead.", field="ends_at")
    if ends_at - starts_at > LONGEST_DELEGATION:
        raise Invalid(f"A delegation lasts at most {LONGEST_DELEGATION.days} days.", field="ends_at")
    lock(User, by.id)
    overlapping = select(Delegation.id).where(
        Delegation.from_id == by.id,
        Delegation.ended_at.is_(None),
        Delegation.starts_at < ends_at,
        Delegation.ends_at > starts_at,
    )
    if db.session.scalar(overlapping):
        raise Conflict("Somebody stands in for you during part of that time already. End that delegation first.")
    made = Delegation(from_user=by, to_user=to, starts_at=starts_at, ends_at=ends_at, reason=reason.strip())
    db.session.add(made)
    record(
        EventKind.DELEGATED,
        subject=made,
        by=by,
        reason=made.reason,
        after={"to": to.email, "starts_at": starts_at, "ends_at": ends_at},
    )
    return made


def end_delegation(delegation: Delegation, *, by: User, reason: str = "") -> None:
    """End it now. Either of the two may, or an administrator, who has to say why. Raises Conflict when it is over."""
    locked = lock(Delegation, delegation.id)
    if locked is None or (by.id not in {locked.from_id, locked.to_id} and not by.may(Right.EDIT_USERS)):
        raise NotAllowed("This delegation is not yours to end.")
    if locked.is_over:
        raise Conflict("This delegation is over already.")
    if by.id not in {locked.from_id, locked.to_id} and is_blank(reason):
        raise Invalid("Give a reason: both of them read it.", field="reason")
    locked.ended_at = now()
    record(EventKind.DELEGATION_ENDED, subject=locked, by=by, reason=reason.strip())


def delegations_of(person: User) -> Sequence[Delegation]:
    """Those that this person gave or was given: what holds or is to come by its beginning, then what is over."""
    query = select(Delegation).where(or_(Delegation.from_id == person.id, Delegation.to_id == person.id))
    query = query.options(joinedload(Delegation.from_user), joinedload(Delegation.to_user))
    known = db.session.scalars(query.order_by(Delegation.id.desc()).limit(100)).unique().all()
    ahead = sorted((each for each in known if not each.is_over), key=lambda each: (each.starts_at, each.id))
    return [*ahead, *(each for each in known if each.is_over)]


def find_delegation(delegation_id: int, *, seen_by: User) -> Delegation | None:
    """This delegation, for those whom it concerns, and for administrators."""
    found = db.session.get(Delegation, delegation_id)
    if found is None or (seen_by.id not in {found.from_id, found.to_id} and not seen_by.may(Right.EDIT_USERS)):
        return None
    return found


def stands_in_for(person: User) -> Sequence[User]:
    """For whom this person may answer now."""
    query = select(User).where(User.id.in_(principals_of(person)))
    return db.session.scalars(query.order_by(User.id)).unique().all()


def deputies_of(people: Iterable[User]) -> Sequence[User]:
    """Those who may answer now in the place of one of these people, as far as their delegations go."""
    moment, absent = now(), [person.id for person in people if person.active]
    if not absent:
        return []
    query = select(User).join(Delegation, Delegation.to_id == User.id)
    query = query.where(
        Delegation.from_id.in_(absent),
        Delegation.ended_at.is_(None),
        Delegation.starts_at <= moment,
        Delegation.ends_at > moment,
        User.active,
    )
    # What a submission has begun to write stays together: nothing of it is asked for here.
    query = query.order_by(User.id).execution_options(autoflush=False)
    return db.session.scalars(query).unique().all()


def principals_of(person: User) -> Select[Any]:
    """The keys of those for whom this person may answer now, to be asked for within another query."""
    moment = now()
    return (
        select(Delegation.from_id)
        .join(User, User.id == Delegation.from_id)
        .where(
            Delegation.to_id == person.id,
            Delegation.ended_at.is_(None),
            Delegation.starts_at <= moment,
            Delegation.ends_at > moment,
            User.active,
        )
    )
