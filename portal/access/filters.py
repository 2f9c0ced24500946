"""Filters of the queue that a person keeps under a name. A filter is the query part of the queue's URL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, mapped_column

from portal.accounts import User
from portal.blanks import is_blank
from portal.db import Base, db, lock, now, pk
from portal.errors import Conflict, Invalid

MOST_KEPT = 20
LONGEST_FILTER_NAME = 60
LONGEST_QUERY = 500


class SavedFilter(Base):
    """A view of the queue that a person comes back to."""

    __tablename__ = "saved_filter"

    id: Mapped[pk]
    user_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    name: Mapped[str] = mapped_column(String(LONGEST_FILTER_NAME))
    query: Mapped[str] = mapped_column(String(LONGEST_QUERY))
    created_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("user_id", "name"),)


def save_filter(name: str, query: str, *, by: User) -> SavedFilter:
    """Keep a view of the queue. Raises Invalid without a name or with nothing to keep, Conflict for a taken name."""
    said = " ".join(name.split())
    if is_blank(said) or len(said) > LONGEST_FILTER_NAME:
        raise Invalid(f"Give the filter a name of at most {LONGEST_FILTER_NAME} characters.", field="name")
    if not query or len(query) > LONGEST_QUERY:
        raise Invalid("Choose a filter or search for something first.", field="name")
    lock(User, by.id)
    mine = select(func.count()).where(SavedFilter.user_id == by.id)
    if (db.session.scalar(mine) or 0) >= MOST_KEPT:
        raise Invalid(f"You can keep {MOST_KEPT} filters. Delete one first.", field="name")
    if db.session.scalar(mine.where(SavedFilter.name == said)):
        raise Conflict(f"You already have a filter called {said}.")
    kept = SavedFilter(user_id=by.id, name=said, query=query)
    db.session.add(kept)
    db.session.flush()
    return kept


def filters_of(person: User) -> Sequence[SavedFilter]:
    """This person's filters by name."""
    query = select(SavedFilter).where(SavedFilter.user_id == person.id).order_by(SavedFilter.name)
    return db.session.scalars(query).all()


def find_filter(filter_id: int, *, seen_by: User) -> SavedFilter | None:
    """This person's own filter."""
    found = db.session.get(SavedFilter, filter_id)
    return found if found is not None and found.user_id == seen_by.id else None


def forget_filter(kept: SavedFilter) -> None:
    """Throw a filter away."""
    db.session.delete(kept)
