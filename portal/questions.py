"""Questions that are asked thousands of times a second: compiled once, sent to the driver as they are.

SQLAlchemy's own road (session, transaction, cache look-up, result) costs several times what the database does, and was
most of a token call. A Question is still a SQLAlchemy statement, and its columns are still converted by their types, so
one text serves both databases.

On SQLite an answer can be kept: ``PRAGMA data_version`` says, at a tenth of the price, whether any other connection has
committed anything since, and a reader's connection never writes. So a kept answer is exactly what the tables would say.

Idle readers belong to their engine: they end when it is disposed of, and a forked process leaves them to its parent.
"""

from __future__ import annotations

import os
from collections import deque, namedtuple
from collections.abc import Callable, Hashable, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Select, event

from portal.db import READER, db, in_transaction

MOST_IDLE_READERS = 2
MOST_KEPT_ANSWERS = 4096
_IDLE = "portico_idle_readers"
_of_the_parent: list[_Reader] = []


class Question:
    """A SELECT with named parameters. Each ``ask`` sees what is committed at that moment, outside of transactions."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._sentences: dict[str, _Sentence] = {}

    def ask(self, kept_as: Hashable = None, **values: str) -> Sequence[Any]:
        """The rows, with their columns as attributes; inside ``transaction()``, what that transaction sees.

        The answer may be kept under the name ``kept_as``, and is used again as long as nothing at all was committed.
        """
        if in_transaction():
            return db.session.execute(self._statement, values).all()
        engine = db.engine
        sentence = self._sentences.get(engine.dialect.name)
        if sentence is None:
            sentence = self._sentences[engine.dialect.name] = _Sentence(self._statement, engine)
        readers = idle_readers(engine)
        reader = _idle(readers) or _Reader(engine)
        try:
            rows = reader.rows(sentence, values) if kept_as is None else reader.kept(sentence, values, kept_as)
        except _driver_errors(engine):
            # Perhaps the database was restarted while the reader idled. The ordinary road finds out, and errs in
            # SQLAlchemy's words, which the error pages know.
            reader.discard()
            with engine.connect() as connection:
                return connection.execute(self._statement, values).all()
        if readers is not idle_readers(engine):  # disposed of meanwhile: the pool that would take it back is gone
            reader.discard()
        elif len(readers) < MOST_IDLE_READERS:
            readers.append(reader)
        else:
            reader.close()
        return rows


def idle_readers(engine: Engine) -> deque[_Reader]:
    """The readers of this engine that nobody uses. They are kept on the engine itself, so both can be forgotten."""
    found: deque[_Reader] | None = vars(engine).get(_IDLE)
    if found is None:
        found = vars(engine).setdefault(_IDLE, deque())
        event.listen(engine, "engine_disposed", _let_go)
    return found


def _let_go(engine: Engine) -> None:
    for reader in vars(engine).pop(_IDLE, ()):
        if reader.process == os.getpid():
            reader.discard()
        else:
            _of_the_parent.append(reader)  # to close it, or to let it be collected, would end it for the parent too


class _Sentence:
    """A question in the words of one database."""

    def __init__(self, statement: Select[Any], engine: Engine) -> None:
        compiled = statement.compile(dialect=engine.dialect)
        fixed = compiled.params
        self.text = compiled.string
        self.fixed = {name: str(value) if isinstance(value, StrEnum) else value for name, value in fixed.items()}
        self.order: list[str] | None = getattr(compiled, "positiontup", None)
        columns = list(statement.selected_columns)
        self.answer: Any = namedtuple("Answer", [column.key for column in columns])  # type: ignore[misc]  # noqa: PYI024
        self.conversions: list[Callable[[Any], Any] | None] = [
            column.type.dialect_impl(engine.dialect).result_processor(engine.dialect, None) for column in columns
        ]

    def parameters(self, values: dict[str, str]) -> Any:
        """The values as the driver takes them."""
        named = {**self.fixed, **values}
        return named if self.order is None else [named[name] for name in self.order]

    def row(self, given: Sequence[Any]) -> Any:
        """What the driver gave, as our types see it."""
        return self.answer._make(
            value if convert is None else convert(value) for value, convert in zip(given, self.conversions, strict=True)
        )


class _Reader:
    """A connection that is kept for questions; each statement on it stands by itself."""

    def __init__(self, engine: Engine) -> None:
        options: dict[str, Any] = {READER: True}
        if engine.dialect.name != "sqlite":
            options["isolation_level"] = "AUTOCOMMIT"  # SQLite's driver is in that mode already
        self.connection: Connection = engine.connect().execution_options(**options)
        self.cursor: Any = self.connection.connection.cursor()
        self.process = os.getpid()
        self._can_keep = engine.dialect.name == "sqlite"
        self._version = 0
        self._answers: dict[Hashable, list[Any]] = {}

    def kept(self, sentence: _Sentence, values: dict[str, str], name: Hashable) -> list[Any]:
        """The kept answer of this name if nothing has changed since, or a new one, which is kept."""
        if not self._can_keep:
            return self.rows(sentence, values)
        (version,) = self.cursor.execute("PRAGMA data_version").fetchone()
        if version != self._version or len(self._answers) >= MOST_KEPT_ANSWERS:
            self._version, self._answers = version, {}
        rows = self._answers.get((sentence, name))
        if rows is None:  # asked after the version was read: what comes between makes the answer newer, never older
            rows = self._answers[sentence, name] = self.rows(sentence, values)
        return rows

    def rows(self, sentence: _Sentence, values: dict[str, str]) -> list[Any]:
        """The answer to a question."""
        parameters = sentence.parameters(values)
        if listeners := self.connection.dispatch.before_cursor_execute:  # whoever counts queries counts these too
            listeners(self.connection, self.cursor, sentence.text, parameters, None, False)
        self.cursor.execute(sentence.text, parameters)
        return [sentence.row(row) for row in self.cursor.fetchall()]

    def close(self) -> None:
        """Give the connection back."""
        self.cursor.close()
        self.connection.close()

    def discard(self) -> None:
        """Throw the connection away: it may be dead."""
        self.connection.invalidate()
        self.connection.close()


def _idle(readers: deque[_Reader]) -> _Reader | None:
    try:
        return readers.pop()
    except IndexError:
        return None


def _driver_errors(engine: Engine) -> type[Exception]:
    return engine.dialect.loaded_dbapi.Error
