"""The database: base class, session, the one way to write, and the clock.

A write happens inside ``with transaction():`` and nowhere else. It drops whatever was read before (that may be stale),
begins a writing transaction, and commits once at the end. On SQLite a writer begins with ``BEGIN IMMEDIATE``: a
deferred transaction that reads and then writes fails at once when another writer came between, whatever the timeout.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Enum,
    Integer,
    MetaData,
    Select,
    TypeDecorator,
    bindparam,
    event,
    inspect,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, registry

SQLITE_BUSY_TIMEOUT_MS = 15_000
_WRITER = "portico_writer"
READER = "portico_reader"
_FORBIDDEN = "portico_writing_is_forbidden"
_moment: ContextVar[datetime | None] = ContextVar("portico_moment", default=None)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time, on databases that know zones and on those that do not."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A naive datetime cannot be stored: say which zone it is in.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the stored time back as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


pk = Annotated[int, mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)]
key = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Base(DeclarativeBase):
    """What every table of Portico has in common."""

    registry = registry(
        metadata=metadata,
        type_annotation_map={
            datetime: UtcDateTime,
            dict[str, Any]: JSON,
            list[str]: JSON,
            list[dict[str, Any]]: JSON,
        },
    )


def words(enum: type[Any]) -> Enum:
    """A column type that stores a StrEnum by its value, as plain text that a migration need not know."""
    return Enum(
        enum, native_enum=False, create_constraint=False, length=40, values_callable=lambda e: [m.value for m in e]
    )


class OneEngineSession(FlaskSession):
    """A session of the one database that there is, which is not looked for anew at each statement."""

    def get_bind(self, mapper: Any = None, clause: Any = None, bind: Any = None, **_: Any) -> Engine | Connection:
        """The engine of the application in whose context the session was made."""
        if self.bind is None:
            self.bind = self._db.engine
        return cast(Engine | Connection, bind or self.bind)


db = SQLAlchemy(model_class=Base, session_options={"class_": OneEngineSession})
T = TypeVar("T", bound=Base)


def now() -> datetime:
    """The present moment in UTC; inside a transaction it is one and the same for everything that is written."""
    return _moment.get() or datetime.now(UTC)


@contextmanager
def transaction() -> Iterator[Session]:
    """One unit of work: everything in the block is stored, or nothing is.

    What was read before is dropped and read anew, so that a decision rests on what is true now.
    Raises RuntimeError when one is already open: a room function never opens its own.
    """
    if _moment.get() is not None:
        raise RuntimeError("A transaction is already open. Only views, commands and workers open one.")
    session = db.session()
    if (refusal := session.info.get(_FORBIDDEN)) is not None:
        raise refusal
    session.rollback()
    token = _moment.set(datetime.now(UTC))
    try:
        session.connection(execution_options={_WRITER: True})
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        _moment.reset(token)


def forbid_writing(because: Exception) -> None:
    """From here on ``transaction()`` raises this in the present request, which shows things and changes none."""
    db.session().info[_FORBIDDEN] = because


@contextmanager
def aside() -> Iterator[Connection]:
    """A short write of its own on another connection, which neither sees nor disturbs the page's transaction.

    Never inside ``with transaction():``: on SQLite there is one writer at a time, so it would wait for itself.
    """
    if _moment.get() is not None:
        raise RuntimeError("A transaction is open; write through it.")
    with db.engine.connect().execution_options(**{_WRITER: True}) as connection, connection.begin():
        yield connection


def lock(model: type[T], id: int) -> T | None:
    """The row as it is now, locked until the transaction ends; None when there is no such row.

    Not ``session.get(with_for_update=…)``: that refuses a row whose version has moved on while we waited, and whoever
    waits for a lock wants to know what is true now. On PostgreSQL the lock lets rows that refer to this one be added
    (FOR NO KEY UPDATE), or approving a request and deleting its app would wait for each other.
    """
    return cast(T | None, db.session.scalars(_locking(model), {"key": id}).unique().one_or_none())


@cache
def _locking(model: type[Base]) -> Select[Any]:
    query = select(model).where(inspect(model).primary_key[0] == bindparam("key"))
    return query.with_for_update(of=model, key_share=True).execution_options(populate_existing=True)


def in_transaction() -> bool:
    """Whether ``transaction()`` is open here."""
    return _moment.get() is not None


def normal_url(url: str) -> str:
    """The database URL with the driver that Portico uses (psycopg 3 for PostgreSQL)."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def is_sqlite(url: str) -> bool:
    """Whether this URL names an embedded SQLite database."""
    return make_url(url).get_backend_name() == "sqlite"


def keep_private(url: str) -> None:
    """Make a new SQLite file one that only its owner reads; what SQLite puts beside it takes the same rights (H9)."""
    name = make_url(url).database or ":memory:"
    file = Path(name)
    if not name.startswith((":memory:", "file:")) and file.parent.is_dir() and not file.exists():
        file.touch(mode=0o600)


def on_sqlite() -> bool:
    """Whether the database in use is SQLite; the few places where the two databases differ ask here."""
    return bool(db.engine.dialect.name == "sqlite")


def close_connections() -> None:
    """Close every connection of this application; whoever asks for one later gets a new one."""
    db.session.remove()
    db.engine.dispose()


def prepare_engine(engine: Engine) -> None:
    """Teach an engine Portico's manners: on SQLite WAL, foreign keys, waiting for a lock, and IMMEDIATE writers."""
    _begin_anew_in_forks(weakref.ref(engine))
    if engine.dialect.name != "sqlite":
        return
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)


def _begin_anew_in_forks(known: weakref.ref[Engine]) -> None:
    """Leave the connections to the process that made them: two that talk on one get each other's answers.

    A server that loads the application before it forks (gunicorn --preload) would share them otherwise.
    """

    def begin_anew() -> None:
        if (engine := known()) is not None:
            engine.dispose(close=False)

    os.register_at_fork(after_in_child=begin_anew)


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; _begin_sqlite does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get(READER, False):
        return  # each statement by itself: a transaction would go on showing what was true when it began
    writer = options.get(_WRITER, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


__all__ = [
    "READER",
    "Base",
    "UtcDateTime",
    "aside",
    "close_connections",
    "db",
    "forbid_writing",
    "in_transaction",
    "is_sqlite",
    "key",
    "lock",
    "metadata",
    "normal_url",
    "now",
    "on_sqlite",
    "pk",
    "prepare_engine",
    "transaction",
    "words",
]
