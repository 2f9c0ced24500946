"""What a credential opens at this moment: the one question that token issue, introspection and gateways ask (C157).

It is answered from the tables each time, in one query without ORM entities; no job has to run for access to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import and_, bindparam, or_, select

from portal import credentials
from portal.access.models import Grant, GrantState
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import OPEN_PRODUCT_STATES, ApiProduct, AuthMethod, Plan, PlanState
from portal.credentials import Credential, CredentialState
from portal.db import now
from portal.questions import Question


@dataclass(frozen=True, slots=True)
class Opening:
    """One product that a credential opens now, with the scopes that were granted there."""

    audience: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A credential as it stands now. ``is_live`` is False when credential, app, plan or owner do not stand.

    ``ends_at`` is the first moment at which any of this ends by itself: no token should outlive it.
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
_plan, _grant, _product = Plan.__table__.c, Grant.__table__.c, ApiProduct.__table__.c
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
        _credential.auth_method,
        _credential.state,
        _credential.expires_at,
        _credential.last_used_at,
        _credential.app_id,
        _app.deleted_at,
        _owner.active,
        _plan.state.label("plan_state"),
        _plan.token_lifetime_seconds,
        _grant.scopes,
        _product.slug,
        _grant.starts_at,
        _grant.ends_at,
    )
    .select_from(Credential.__table__)
    .join(DeveloperApp.__table__, _app.id == _credential.app_id)
    .join(User.__table__, _owner.id == _app.owner_id)
    .join(Plan.__table__, _plan.id == _credential.plan_id)
    .outerjoin(Grant.__table__, and_(_grant.credential_id == _credential.id, _grant.state == GrantState.ACTIVE))
    .outerjoin(ApiProduct.__table__, _product_is_open)
    .where(_credential.client_id == bindparam("client_id"))
)


def find_entitlement(client_id: str) -> Entitlement | None:
    """What the credential with this client id opens now; None when there is no such credential."""
    rows = _rows(client_id, "")
    return _entitlement(rows) if rows else None


def entitlement_for(client_id: str, secret: str) -> Entitlement | None:
    """What a credential opens now, for whoever knows its secret; None when there is no such pair.

    An unknown client and a wrong secret take the same road: one query, one hash, one comparison (T3). An answer is kept
    for the pair, so that one which is quick to come tells nobody that others use this client.
    """
    rows = _rows(client_id, credentials.hash_secret(secret))
    if not credentials.secret_matches(secret, rows[0].secret_hash if rows else None):
        return None
    return _entitlement(rows)


def _rows(client_id: str, asked_with: str) -> Sequence[Any]:
    if not credentials.can_be_client_id(client_id):
        return _QUESTION.ask(client_id="")
    return _QUESTION.ask(kept_as=(client_id, asked_with), client_id=client_id)


def _entitlement(rows: Sequence[Any]) -> Entitlement:
    moment, first = now(), rows[0]
    opened = sorted((row for row in rows if row.slug is not None and _is_running(row, moment)), key=attrgetter("slug"))
    ends = [end for end in (first.expires_at, *[row.ends_at for row in opened]) if end is not None]
    return Entitlement(
        credential_id=first.id,
        client_id=first.client_id,
        secret_hash=first.secret_hash,
        auth_method=first.auth_method,
        is_live=_is_live(first, moment),
        app_id=first.app_id,
        token_lifetime_seconds=first.token_lifetime_seconds,
        openings=tuple(Opening(f"urn:portico:api:{row.slug}", frozenset(row.scopes)) for row in opened),
        ends_at=min(ends) if ends else None,
        last_used_at=first.last_used_at,
    )


def _is_live(credential: Any, moment: datetime) -> bool:
    return (
        credential.state is CredentialState.ACTIVE
        and (credential.expires_at is None or moment < credential.expires_at)
        and credential.deleted_at is None
        and credential.active
        and credential.plan_state is not PlanState.RETIRED
    )


def _is_running(grant: Any, moment: datetime) -> bool:
    return bool(grant.starts_at <= moment and (grant.ends_at is None or moment < grant.ends_at))
