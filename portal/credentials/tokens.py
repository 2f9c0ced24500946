"""The deny-list of access tokens that were revoked before their time (RFC 7009)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.exc import IntegrityError

from portal.credentials.models import RevokedToken
from portal.db import db, now
from portal.questions import Question

_denied = RevokedToken.__table__.c
_REVOKED = Question(select(_denied.jti).where(_denied.jti == bindparam("jti")))


def revoke_token(jti: str, *, client_id: str, expires_at: datetime) -> None:
    """Refuse the token from now on; doing it twice is the same as once."""
    try:
        with db.session.begin_nested():
            db.session.add(RevokedToken(jti=jti, client_id=client_id, expires_at=expires_at))
    except IntegrityError:
        return


def is_token_revoked(jti: str) -> bool:
    """Whether the token with this id was revoked."""
    return bool(_REVOKED.ask(jti=jti))


def forget_expired_tokens() -> int:
    """Drop the deny-list entries of tokens that have expired anyway; says how many."""
    result = db.session.execute(delete(RevokedToken).where(RevokedToken.expires_at < now()))
    return int(result.rowcount)  # type: ignore[attr-defined]
