"""What a credential opens at this moment: the one question that token issue, introspection and gateways ask (C157).

It is answered from the tables each time, in one query without ORM entities; no job has to run for access to end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select

from portal.access.models import Grant, GrantState
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import OPEN_PRODUCT_STATES, ApiProduct, AuthMethod, Plan, PlanState
from portal.credentials import Credential, CredentialState
from portal.db import db, now


@dataclass(frozen=True)
class Entitlement:
    """A credential as it stands now. ``is_live`` is False when credential, app, plan or owner do not stand."""

    credential_id: int
    client_id: str
    secret_hash: str | None
    auth_method: AuthMethod
    is_live: bool
    app_id: int
    token_lifetime_seconds: int
    scopes: frozenset[str]
    audiences: tuple[str, ...]
    last_used_at: datetime | None


_QUERY = (
    select(
        Credential.id,
        Credential.client_id,
        Credential.secret_hash,
        Credential.auth_method,
        Credential.state,
        Credential.expires_at,
        Credential.last_used_at,
        Credential.app_id,
        DeveloperApp.deleted_at,
        User.active,
        Plan.state.label("plan_state"),
        Plan.token_lifetime_seconds,
        Grant.scopes,
        ApiProduct.slug,
        Grant.starts_at,
        Grant.ends_at,
    )
    .join(DeveloperApp, DeveloperApp.id == Credential.app_id)
    .join(User, User.id == DeveloperApp.owner_id)
    .join(Plan, Plan.id == Credential.plan_id)
    .outerjoin(Grant, and_(Grant.credential_id == Credential.id, Grant.state == GrantState.ACTIVE))
    .outerjoin(ApiProduct, and_(ApiProduct.id == Grant.product_id, ApiProduct.state.in_(OPEN_PRODUCT_STATES)))
)


def find_entitlement(client_id: str) -> Entitlement | None:
    """What the credential with this client id opens now; None when there is no such credential."""
    rows = db.session.execute(_QUERY.where(Credential.client_id == client_id)).all()
    if not rows:
        return None
    moment, first = now(), rows[0]
    is_live = (
        first.state is CredentialState.ACTIVE
        and (first.expires_at is None or moment < first.expires_at)
        and first.deleted_at is None
        and first.active
        and first.plan_state is not PlanState.RETIRED
    )
    open_rows = [
        row
        for row in rows
        if row.slug is not None and row.starts_at <= moment and (row.ends_at is None or moment < row.ends_at)
    ]
    return Entitlement(
        credential_id=first.id,
        client_id=first.client_id,
        secret_hash=first.secret_hash,
        auth_method=first.auth_method,
        is_live=is_live,
        app_id=first.app_id,
        token_lifetime_seconds=first.token_lifetime_seconds,
        scopes=frozenset(scope for row in open_rows for scope in row.scopes),
        audiences=tuple(sorted(f"urn:portico:api:{row.slug}" for row in open_rows)),
        last_used_at=first.last_used_at,
    )
