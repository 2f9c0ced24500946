"""Why a credential opens what it opens, and why not what it does not: in words for the people of its app.

It is read from what is stored, without any secret. What a given secret is worth is asked of the token endpoint itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from portal import credentials
from portal.access import AccessRequest, Grant, GrantState, RequestItem, RequestStatus
from portal.catalog import ApiProduct, PlanState, day_begins
from portal.credentials import Credential, CredentialState
from portal.db import db, now


class Stop(StrEnum):
    """Why a credential gets no token at all."""

    NOT_REVEALED = "not_revealed"
    NO_SECRET = "no_secret"
    REVOKED = "revoked"
    EXPIRED = "expired"
    PLAN_RETIRED = "plan_retired"


class DoorState(StrEnum):
    """How a credential stands towards one API product."""

    OPEN = "open"
    SUSPENDED = "suspended"
    WAITING = "waiting"
    NOT_YET = "not_yet"
    RETIRED = "retired"
    OTHER_METHOD = "other_method"
    EXPIRED = "expired"
    REVOKED = "revoked"


class SecretFault(StrEnum):
    """What is wrong with a secret, as far as can be told."""

    NOT_WHOLE = "not_whole"
    OLD = "old"
    ANOTHER = "another"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Door:
    """One API product, and whether the credential opens it: by which grant, or for which request one waits."""

    product: ApiProduct
    state: DoorState
    grant: Grant | None = None
    request: AccessRequest | None = None

    @property
    def scopes(self) -> list[str]:
        """The scopes that were granted here."""
        return self.grant.scopes if self.grant is not None else []


def stop_of(credential: Credential) -> Stop | None:
    """Why this credential gets no token, whatever is asked for; None when it does."""
    plan, moment = credential.plan, now()
    if credential.state is CredentialState.REVOKED:
        return Stop.REVOKED
    if not credential.is_live:
        return Stop.EXPIRED
    if plan.state is PlanState.RETIRED or (plan.retires_on is not None and day_begins(plan.retires_on) <= moment):
        return Stop.PLAN_RETIRED
    if credential.state is CredentialState.PENDING_REVEAL:
        return Stop.NOT_REVEALED
    return Stop.NO_SECRET if credential.secret_hash is None else None


def doors_of(credential: Credential) -> list[Door]:
    """Every API product that this credential opens or opened, and those for which its app has asked, by name."""
    held = select(Grant).where(Grant.credential_id == credential.id).order_by(Grant.id)
    doors = {grant.product_id: _door(grant) for grant in db.session.scalars(held.options(joinedload(Grant.product)))}
    for request in _asking(credential):
        for item in request.items:
            if item.product_id not in doors or doors[item.product_id].state in {DoorState.EXPIRED, DoorState.REVOKED}:
                doors[item.product_id] = Door(item.product, DoorState.WAITING, request=request)
    return sorted(doors.values(), key=lambda door: (door.product.sort_name, door.product.id))


def fault_of(credential: Credential, secret: str) -> SecretFault:
    """Why this secret, which was refused, is not the credential's."""
    if not credentials.well_formed(secret):
        return SecretFault.NOT_WHOLE
    if credential.retiring_hash is not None and credentials.secret_matches(secret, credential.retiring_hash):
        return SecretFault.OLD
    begins = credential.secret_hint
    return SecretFault.ANOTHER if begins and not secret.startswith(begins) else SecretFault.UNKNOWN


def _door(grant: Grant) -> Door:
    return Door(grant.product, _state_of(grant), grant=grant)


def _state_of(grant: Grant) -> DoorState:
    product, moment = grant.product, now()
    if grant.state is GrantState.SUSPENDED:
        return DoorState.SUSPENDED
    if not grant.is_live:
        return DoorState.REVOKED if grant.state is GrantState.REVOKED else DoorState.EXPIRED
    if not product.is_open or (product.retires_on is not None and day_begins(product.retires_on) <= moment):
        return DoorState.RETIRED
    if product.auth_method is not grant.credential.auth_method:
        return DoorState.OTHER_METHOD
    return DoorState.OPEN if grant.starts_at <= moment else DoorState.NOT_YET


def _asking(credential: Credential) -> Sequence[AccessRequest]:
    """What the app has asked for that nobody has decided, for this credential or for a new one."""
    query = select(AccessRequest).where(
        AccessRequest.app_id == credential.app_id,
        AccessRequest.status == RequestStatus.PENDING,
        AccessRequest.auth_method == credential.auth_method,
    )
    query = query.options(selectinload(AccessRequest.items).joinedload(RequestItem.product))
    found = db.session.scalars(query.order_by(AccessRequest.id)).all()
    return [request for request in found if request.credential_id in (None, credential.id)]
