"""Sessions kept on the server: the cookie is a random id and nothing else.

A signed cookie that holds the session lives on after sign-out, a new password, or the end of the account, for whoever
copied it. Here a session is a row (``WebSession``) under the hash of its id; when the row goes, the cookie is worth
nothing. The row is read when somebody first asks for the session and written after the view, in a short transaction
of its own, so that neither holds up the page's. Who stores nothing gets neither row nor cookie. There is no
"remember me": a session ends after the idle or the absolute time, or when its browser closes.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

import structlog
from flask import Flask, Request, Response, current_app, request, session
from flask.sessions import SessionInterface, SessionMixin
from flask_login import user_logged_in, user_logged_out
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import OperationalError

from portal.accounts import User, WebSession
from portal.config import Settings
from portal.db import aside, db, now

_ID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_SEEN_AT_MOST_EVERY = timedelta(minutes=1)
_TOKEN = "csrf_token"
_UNWANTED = frozenset({"fs_cc"})  # Flask-Security's note about a cookie that Portico does not set
log = structlog.get_logger(__name__)


class _Row(NamedTuple):
    content: dict[str, Any]
    user_id: int | None
    seen_at: datetime


class ServerSession(SessionMixin, MutableMapping[str, Any]):
    """What this browser's session holds; asks the database when first asked itself."""

    accessed = False

    def __init__(self, store: ServerSessions, given_id: str) -> None:
        self._store = store
        self.given_id = given_id
        self.id = given_id
        self.row: _Row | None = None
        self.user_id: int | None = None
        self._content: dict[str, Any] | None = None
        self._before = "{}"

    @property
    def content(self) -> dict[str, Any]:
        """The values, read from the row at the first call."""
        if self._content is None:
            self._content = {}  # stays so when the database can't be asked: the error page is drawn for a stranger
            self.row = self._store.find(self.given_id) if self.given_id else None
            self.revert()
        self.accessed = True
        return self._content

    @property
    def id_hash(self) -> str:
        """The mark of this session in the table and on the account page."""
        return _hash(self.id) if self.id else ""

    @property
    def was_asked(self) -> bool:
        """Whether anybody has asked for the session at all."""
        return self._content is not None

    @property
    def stored_form(self) -> str:
        """The values as they are stored."""
        return json.dumps({k: v for k, v in self.content.items() if k not in _UNWANTED}, default=str, sort_keys=True)

    @property
    def is_changed(self) -> bool:
        """Whether the values differ from the row's."""
        return self.stored_form != self._before

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to keep."""
        return self.stored_form == "{}"

    def revert(self) -> None:
        """Forget what this request did to the session."""
        self._content = dict(self.row.content) if self.row else {}
        self._before = self.stored_form
        self.user_id = self.row.user_id if self.row else None
        self.id = self.given_id if self.row else ""

    def begin_anew(self, user_id: int) -> None:
        """Give the session a new id and a new form token: an id from before a sign-in is never the id after it."""
        self.content.pop(_TOKEN, None)
        self.id, self.user_id = "", user_id

    def end(self) -> None:
        """Empty the session and drop its row."""
        self.content.clear()
        self.id, self.user_id = "", None

    def __getitem__(self, name: str) -> Any:
        return self.content[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.content[name] = value

    def __delitem__(self, name: str) -> None:
        del self.content[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.content)

    def __len__(self) -> int:
        return len(self.content)


class ServerSessions(SessionInterface):
    """Opens and saves sessions; the settings say how long they last."""

    def __init__(self, settings: Settings) -> None:
        self.idle = timedelta(minutes=settings.session_idle_minutes)
        self.absolute = timedelta(hours=settings.session_absolute_hours)

    def open_session(self, app: Flask, request: Request) -> ServerSession:
        """The session of this request, not yet read. An id that Portico cannot have made is not even looked up."""
        given = request.cookies.get(self.get_cookie_name(app), "")
        return ServerSession(self, given if _ID.fullmatch(given) else "")

    def find(self, id: str) -> _Row | None:
        """The row under this id, unless it has run out."""
        moment = now()
        query = select(WebSession.content, WebSession.user_id, WebSession.seen_at).where(
            WebSession.id_hash == _hash(id),
            WebSession.seen_at > moment - self.idle,
            WebSession.created_at > moment - self.absolute,
        )
        found = db.session.execute(query).first()
        return _Row(*found) if found else None

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Store what changed, under a new id where there must be one."""
        mine = cast(ServerSession, session)
        if not mine.was_asked:
            return
        response.vary.add("Cookie")
        if mine.is_empty:
            self._drop(app, mine, response)
        elif not mine.id:
            self._keep_anew(app, mine, response)
        elif mine.is_changed:
            self._keep(mine)
        elif mine.row is not None and now() - mine.row.seen_at > _SEEN_AT_MOST_EVERY:
            self._touch(mine)

    def _drop(self, app: Flask, mine: ServerSession, response: Response) -> None:
        if mine.row is not None:
            with _beside_the_page() as connection:
                connection.execute(delete(WebSession).where(WebSession.id_hash == _hash(mine.given_id)))
        if mine.given_id:
            response.delete_cookie(self.get_cookie_name(app), **self._manners(app))

    def _keep_anew(self, app: Flask, mine: ServerSession, response: Response) -> None:
        mine.id = secrets.token_urlsafe(32)
        moment = now()
        values = {"id_hash": mine.id_hash, "user_id": mine.user_id, "content": json.loads(mine.stored_form)}
        values |= {"created_at": moment, "seen_at": moment, "user_agent": _agent()}
        with _beside_the_page() as connection:
            if mine.row is not None:
                connection.execute(delete(WebSession).where(WebSession.id_hash == _hash(mine.given_id)))
            connection.execute(insert(WebSession).values(values))
        response.set_cookie(self.get_cookie_name(app), mine.id, **self._manners(app))

    def _keep(self, mine: ServerSession) -> None:
        """Change the row, and never make it again: it may have been ended while this page was drawn."""
        values = {"content": json.loads(mine.stored_form), "seen_at": now()}
        with _beside_the_page() as connection:
            connection.execute(update(WebSession).where(WebSession.id_hash == mine.id_hash).values(values))

    def _touch(self, mine: ServerSession) -> None:
        try:
            with _beside_the_page() as connection:
                seen = update(WebSession).where(WebSession.id_hash == mine.id_hash)
                connection.execute(seen.values(seen_at=now()))
        except OperationalError as error:  # the page is done; being seen a minute later is no reason to lose it
            log.warning("session_not_touched", error=str(error.orig)[:200])

    def _manners(self, app: Flask) -> dict[str, Any]:
        return {
            "path": self.get_cookie_path(app),
            "domain": self.get_cookie_domain(app),
            "secure": self.get_cookie_secure(app),
            "httponly": self.get_cookie_httponly(app),
            "samesite": self.get_cookie_samesite(app),
        }


def register_sessions(app: Flask, settings: Settings) -> None:
    """Keep this application's sessions on the server."""
    app.session_interface = ServerSessions(settings)
    user_logged_in.connect(_begin_anew, app)
    user_logged_out.connect(_end, app)


def own_session() -> ServerSession:
    """The session of this request."""
    return cast(ServerSession, session._get_current_object())  # type: ignore[attr-defined]


def session_lifetime() -> timedelta:
    """How long a session may rest before it ends."""
    return cast(ServerSessions, current_app.session_interface).idle


def _begin_anew(_app: Flask, user: User, **_extra: Any) -> None:
    own_session().begin_anew(user.id)


def _end(_app: Flask, **_extra: Any) -> None:
    own_session().end()


@contextmanager
def _beside_the_page() -> Iterator[Connection]:
    """A short write after the page is done. The page gives its connection back first: with more threads than
    connections, each would hold one and wait for another's.
    """
    db.session.rollback()
    with aside() as connection:
        yield connection


def _agent() -> str:
    return "".join(sign for sign in request.headers.get("User-Agent", "") if sign.isprintable())[:200]


def _hash(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()
