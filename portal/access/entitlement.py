"""What a credential opens at this moment: the one question that token issue, introspection and gateways ask (C157).

It is answered from the tables each time, in one query without ORM entities; no job has to run for access to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import and_, bindparam, func, or_, select

from portal import credentials
from portal.access.models import Grant, GrantState
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import OPEN_PRODUCT_STATES, ApiProduct, AuthMethod, Plan, PlanState, day_begins
from portal.credentials import Credential, CredentialState
from portal.db import now
from portal.questions import Question


@dataclass(frozen=True, slots=True)
class Opening:
    """One product that a credential opens now, with the scopes that were granted there."""

    audience: str
    scopes: frozenset[str]
    grant_id: int = 0


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A credential as it stands now. ``is_live`` is False when credential, app, plan or owner do not stand.

    A client that registered itself opens what the credential opens under which it did, its parent, and ends with it.

    ``ends_at`` is the first moment at which any of this ends by itself: no token should outlive it. ``proved_by`` is
    the hash of the one of its two secrets that the caller knew, if any, and ``proof_used_at`` when that was last used.
    """

    credential_id: int
    client_id: str
    secret_hash: str | None
    auth_method: AuthMethod
    is_live: bool
    app_id: int
    token_lifetime_seconds: int
    openings: tuple[Opening, ...]
    ends_at: datetime | None
    last_used_at: datetime | None
    proved_by: str | None = None
    proof_used_at: datetime | None = None
    parent_id: int | None = None

    @property
    def scopes(self) -> frozenset[str]:
        """Every scope that is open, of whatever product."""
        return frozenset(scope for opening in self.openings for scope in opening.scopes)

    @property
    def audiences(self) -> tuple[str, ...]:
        """The identifiers of the APIs that are open."""
        return tuple(opening.audience for opening in self.openings)


# Tables, not entities: on SQLite this costs a third of what the same question costs through the ORM.
_credential, _app, _owner = Credential.__table__.c, DeveloperApp.__table__.c, User.__table__.c
_parent_table = Credential.__table__.alias("parent")
_parent = _parent_table.c
_plan, _grant, _product = Plan.__table__.c, Grant.__table__.c, ApiProduct.__table__.c
_holder = func.coalesce(_credential.parent_id, _credential.id)  # to whom the access was given
_product_is_open = and_(
    _product.id == _grant.product_id,
    _product.auth_method == _credential.auth_method,  # what is only shown, or asks otherwise now, opens to nobody (T14)
    or_(*[_product.state == state for state in OPEN_PRODUCT_STATES]),  # IN would be written anew at each call
)
_QUESTION = Question(
    select(
        _credential.id,
        _credential.client_id,
        _credential.secret_hash,
        _credential.secret_used_at,
        _credential.retiring_hash,
        _credential.retiring_until,
        _credential.retiring_used_at,
        _credential.auth_method,
        _credential.state,
        _credential.expires_at,
        _credential.last_used_at,
        _credential.app_id,
        _credential.parent_id,
        _parent.state.label("parent_state"),
        _parent.expires_at.label("parent_expires_at"),
        _app.deleted_at,
        _owner.active,
        _plan.state.label("plan_state"),
        _plan.token_lifetime_seconds,
        _grant.id.label("grant_id"),
        _grant.scopes,
        _product.slug,
        _grant.starts_at,
        _grant.ends_at,
        _grant.reapprove_by,
        _product.retires_on,
        _plan.retires_on.label("plan_retires_on"),
    )
    .select_from(Credential.__table__)
    .join(DeveloperApp.__table__, _app.id == _credential.app_id)
    .join(User.__table__, _owner.id == _app.owner_id)
    .outerjoin(_parent_table, _parent.id == _credential.parent_id)
    .join(Plan.__table__, _plan.id == func.coalesce(_parent.plan_id, _credential.plan_id))
    .outerjoin(Grant.__table__, and_(_grant.credential_id == _holder, _grant.state == GrantState.ACTIVE))
    .outerjoin(ApiProduct.__table__, _product_is_open)
    .where(_credential.client_id == bindparam("client_id"))
)


def find_entitlement(client_id: str) -> Entitlement | None:
    """What the credential with this client id opens now; None when there is no such credential."""
    rows = _rows(client_id, "")
    return _entitlement(rows) if rows else None


def entitlement_for(client_id: str, secret: str) -> Entitlement | None:
    """What a credential opens now, for whoever knows its secret; None when there is no such pair.

    An unknown client and a wrong secret take the same road: one query, one hash, two comparisons (T3), whether there
    is an old secret beside the present one or not. An answer is kept for the pair, so that one which is quick to come
    tells nobody that others use this client; the old secret's end is looked at each time.
    """
    given = credentials.hash_secret(secret)
    rows = _rows(client_id, given)
    known = rows[0] if rows else None
    proof = credentials.matching_hash(given, current=known.secret_hash if known else None, old=_old_hash(known))
    return _entitlement(rows, proof) if proof is not None else None


def entitlement_of_key(key: str) -> Entitlement | None:
    """What the credential with this API key opens now; None for every other text. It is two queries."""
    client_id = credentials.client_of_key(key)
    return entitlement_for(client_id, key) if client_id is not None else None


def _old_hash(known: Any) -> str | None:
    """The hash of the secret before the present one, as long as that is good."""
    if known is None or known.retiring_until is None or known.retiring_until <= now():
        return None
    return str(known.retiring_hash) if known.retiring_hash is not None else None


def _rows(client_id: str, asked_with: str) -> Sequence[Any]:
    if not credentials.can_be_client_id(client_id):
        return _QUESTION.ask(client_id="")
    return _QUESTION.ask(kept_as=(client_id, asked_with), client_id=client_id)


def _entitlement(rows: Sequence[Any], proof: str | None = None) -> Entitlement:
    moment, first = now(), rows[0]
    opened = sorted((row for row in rows if row.slug is not None and _is_running(row, moment)), key=attrgetter("slug"))
    ends = [end for row in opened for end in _ends_of(row) if end is not None]
    own = (first.expires_at, first.parent_expires_at, _midnight(first.plan_retires_on))
    ends += [end for end in own if end is not None]
    return Entitlement(
        credential_id=first.id,
        client_id=first.client_id,
        secret_hash=first.secret_hash,
        auth_method=first.auth_method,
        is_live=_is_live(first, moment),
        app_id=first.app_id,
        token_lifetime_seconds=first.token_lifetime_seconds,
        openings=tuple(Opening(f"urn:portico:api:{row.slug}", frozenset(row.scopes), row.grant_id) for row in opened),
        ends_at=min(ends) if ends else None,
        last_used_at=first.last_used_at,
        proved_by=proof,
        proof_used_at=first.secret_used_at if proof == first.secret_hash else first.retiring_used_at,
        parent_id=first.parent_id,
    )


def _is_live(credential: Any, moment: datetime) -> bool:
    return (
        credential.state is CredentialState.ACTIVE
        and (credential.expires_at is None or moment < credential.expires_at)
        and _parent_is_live(credential, moment)
        and credential.deleted_at is None
        and credential.active
        and credential.plan_state is not PlanState.RETIRED
        and (credential.plan_retires_on is None or moment < day_begins(credential.plan_retires_on))
    )


def _parent_is_live(credential: Any, moment: datetime) -> bool:
    if credential.parent_id is None:
        return True
    return credential.parent_state is CredentialState.ACTIVE and (
        credential.parent_expires_at is None or moment < credential.parent_expires_at
    )


def _is_running(grant: Any, moment: datetime) -> bool:
    return grant.starts_at <= moment and all(end is None or moment < end for end in _ends_of(grant))


def _ends_of(grant: Any) -> tuple[datetime | None, ...]:
    """When it stops by itself: at its end, with its product, or because nobody has approved it again (C130)."""
    return grant.ends_at, grant.reapprove_by, _midnight(grant.retires_on)


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else day_begins(day)
