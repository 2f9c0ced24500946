"""Timers: what is to happen to a thing at a time, exactly once, however many workers look (C5).

A timer fires by an UPDATE of what is still armed, in the transaction that also does what follows. So two workers never
both fire it, and of a worker that is killed in between nothing is left: the timer is armed as before. Whoever fires one
locks the thing first, as everybody does who changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Index,
    String,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, db, key, now, on_sqlite, pk, words

MOST_FORGOTTEN = 5_000
MOST_AT_ONCE = 500


class TimerState(StrEnum):
    """Where a timer stands."""

    ARMED = "armed"
    HELD = "held"
    FIRED = "fired"
    CANCELLED = "cancelled"


class Timer(Base):
    """Something that is to happen to a thing at a time. ``nth`` tells those of one kind apart."""

    __tablename__ = "timer"

    id: Mapped[pk]
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[int] = mapped_column(key)
    kind: Mapped[str] = mapped_column(String(40))
    nth: Mapped[int] = mapped_column(default=1)
    due_at: Mapped[datetime]
    state: Mapped[TimerState] = mapped_column(words(TimerState), default=TimerState.ARMED)

    __table_args__ = (
        UniqueConstraint("subject_type", "subject_id", "kind", "nth"),
        Index("ix_timer_state_due_at", "state", "due_at"),
    )


_SET = insert(Base.metadata.tables[Timer.__tablename__])
_CHANGE = update(Timer).where(
    Timer.subject_type == bindparam("thing"),
    Timer.subject_id == bindparam("key"),
    Timer.state.in_(bindparam("before", expanding=True)),
)
_CHANGE = _CHANGE.values(state=bindparam("after")).execution_options(synchronize_session=False)


@dataclass(frozen=True)
class Planned:
    """A timer as it is set, and as it is told when it has fired."""

    kind: str
    due_at: datetime
    nth: int = 1


def arm(subject_type: str, subject_id: int, timers: Iterable[Planned], *, anew: bool = False) -> None:
    """Set these timers. ``anew`` when the thing may have had them before: then they begin again."""
    planned = list(timers)
    if anew:
        kinds = {each.kind for each in planned}
        db.session.execute(delete(Timer).where(*_of(subject_type, subject_id), Timer.kind.in_(kinds)))
    if planned:
        db.session.execute(_SET, [_row(subject_type, subject_id, each) for each in planned])


def arm_once(subject_type: str, subject_ids: Iterable[int], timer: Planned) -> None:
    """Set this timer for each of these things that never had it; whoever had it, fired or not, has had it."""
    arm_missing(subject_type, [(subject_id, timer) for subject_id in subject_ids])


def arm_missing(subject_type: str, planned: Sequence[tuple[int, Planned]]) -> None:
    """Set those of these timers, each with its thing, that were never set before."""
    dialect = sqlite if on_sqlite() else postgresql
    for start in range(0, len(planned), MOST_AT_ONCE):
        rows = [_row(subject_type, subject_id, timer) for subject_id, timer in planned[start : start + MOST_AT_ONCE]]
        db.session.execute(dialect.insert(Timer).values(rows).on_conflict_do_nothing())


def set_before(subject_type: str, subject_ids: Sequence[int], kind: str) -> set[tuple[int, int]]:
    """Which timers of this kind these things have or had: pairs of thing and ``nth``."""
    found: set[tuple[int, int]] = set()
    for start in range(0, len(subject_ids), MOST_AT_ONCE):
        some = subject_ids[start : start + MOST_AT_ONCE]
        mine = (Timer.subject_type == subject_type, Timer.kind == kind, Timer.subject_id.in_(some))
        found |= {
            (row.subject_id, row.nth) for row in db.session.execute(select(Timer.subject_id, Timer.nth).where(*mine))
        }
    return found


def arm_again(subject_type: str, subject_ids: Sequence[int], timer: Planned) -> None:
    """Set this timer for each of these things, whether they had it before or not."""
    for start in range(0, len(subject_ids), MOST_AT_ONCE):
        some = subject_ids[start : start + MOST_AT_ONCE]
        same = (Timer.subject_type == subject_type, Timer.kind == timer.kind, Timer.nth == timer.nth)
        gone = delete(Timer).where(*same, Timer.subject_id.in_(some))
        db.session.execute(gone.execution_options(synchronize_session=False))
        db.session.execute(_SET, [_row(subject_type, subject_id, timer) for subject_id in some])


def cancel(subject_type: str, subject_id: int, *, kinds: Iterable[str] = ()) -> None:
    """Let what has not fired never fire: all of it, or these kinds."""
    _change([TimerState.ARMED, TimerState.HELD], TimerState.CANCELLED, subject_type, subject_id, kinds)


def hold(subject_type: str, subject_id: int) -> None:
    """Stop the clock of this thing: nothing fires until ``release``."""
    _change([TimerState.ARMED], TimerState.HELD, subject_type, subject_id)


def release(subject_type: str, subject_id: int, move: Callable[[datetime], datetime]) -> None:
    """Let the clock go on: what was held is armed again, each at the time to which ``move`` puts it."""
    held = db.session.scalars(select(Timer).where(*_of(subject_type, subject_id), Timer.state == TimerState.HELD))
    for timer in held.all():
        timer.due_at, timer.state = move(timer.due_at), TimerState.ARMED
    db.session.flush()


def due_subjects(subject_type: str, *, size: int = 100, without: Iterable[int] = ()) -> Sequence[int]:
    """The things that have a timer to fire, those that are latest first. Nothing is claimed by asking."""
    query = select(Timer.subject_id).where(
        Timer.subject_type == subject_type, Timer.state == TimerState.ARMED, Timer.due_at <= now()
    )
    if left_out := list(without):
        query = query.where(Timer.subject_id.not_in(left_out))
    query = query.group_by(Timer.subject_id).order_by(func.min(Timer.due_at), Timer.subject_id)
    return db.session.scalars(query.limit(size)).all()


def claim_due(subject_type: str, subject_id: int) -> list[Planned]:
    """Fire what is due of this thing, and say what that was, the earliest first; nothing when another was quicker.

    The caller has locked the thing.
    """
    statement = (
        update(Timer)
        .where(*_of(subject_type, subject_id), Timer.state == TimerState.ARMED, Timer.due_at <= now())
        .values(state=TimerState.FIRED)
        .returning(Timer.kind, Timer.due_at, Timer.nth)
        .execution_options(synchronize_session=False)
    )
    fired = [Planned(kind, due_at, nth) for kind, due_at, nth in db.session.execute(statement)]
    return sorted(fired, key=lambda each: (each.due_at, each.kind, each.nth))


def next_due(subject_type: str, subject_id: int, kind: str) -> datetime | None:
    """When the next timer of this kind will fire for this thing."""
    query = select(func.min(Timer.due_at)).where(*_of(subject_type, subject_id), Timer.kind == kind)
    return db.session.scalar(query.where(Timer.state == TimerState.ARMED))


def forget_finished(*, older_than: timedelta) -> int:
    """Take away timers that are over and too old to be of use; at most some thousands at a time."""
    old = (
        select(Timer.id)
        .where(Timer.state.in_([TimerState.FIRED, TimerState.CANCELLED]), Timer.due_at < now() - older_than)
        .limit(MOST_FORGOTTEN)
    )
    statement = delete(Timer).where(Timer.id.in_(old)).execution_options(synchronize_session=False)
    result = db.session.execute(statement)
    return result.rowcount if isinstance(result, CursorResult) else 0


def _row(subject_type: str, subject_id: int, planned: Planned) -> dict[str, object]:
    return {
        "subject_type": subject_type,
        "subject_id": subject_id,
        "kind": planned.kind,
        "nth": planned.nth,
        "due_at": planned.due_at,
        "state": TimerState.ARMED,
    }


def _of(subject_type: str, subject_id: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Timer.subject_type == subject_type, Timer.subject_id == subject_id


def _change(
    before: Sequence[TimerState], after: TimerState, subject_type: str, subject_id: int, kinds: Iterable[str] = ()
) -> None:
    chosen = list(kinds)
    statement = _CHANGE.where(Timer.kind.in_(chosen)) if chosen else _CHANGE
    db.session.execute(statement, {"thing": subject_type, "key": subject_id, "before": before, "after": after})
