"""Ending access: of one product, of a credential, of an app; by people, and by the clock."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.orm import selectinload

from portal import apps, credentials
from portal.access.models import HELD_STATES, AccessRequest, Grant, GrantState, RequestKind, RequestStatus
from portal.access.review import UNANSWERED, StageState
from portal.accounts import Right, User
from portal.apps import DeveloperApp
from portal.blanks import is_blank
from portal.credentials import Credential
from portal.db import db, lock, now
from portal.errors import Conflict, Invalid, NotAllowed, NotFound
from portal.events import EventKind, record

LONGEST_ENDING_REASON = 2000
_MOST_AT_ONCE = 1000
_OVER = select(Grant).where(Grant.state.in_(HELD_STATES), Grant.ends_at <= bindparam("moment"))
_OVER = _OVER.options(selectinload(Grant.product), selectinload(Grant.app)).order_by(Grant.id).limit(_MOST_AT_ONCE)
_OVER = _OVER.with_for_update(of=Grant, key_share=True, skip_locked=True).execution_options(populate_existing=True)
_OVER_OF_APP = _OVER.where(Grant.app_id == bindparam("app"))


def revoke_access(grant: Grant, *, by: User, reason: str) -> Grant:
    """End an app's access to one product at once; the credential goes with its last product.

    The app's owner and people who may revoke access can. Raises Invalid without a reason, Conflict when it has ended
    already.
    """
    if not may_revoke(grant, by):
        raise NotAllowed("You may not revoke this access.")
    said = said_why(reason)
    locked, credential = lock_grant(grant)
    refuse_if_over(locked)
    _revoke(locked, by, said)
    if credential.is_live and not held_through(credential):
        credentials.revoke(credential, by=by, reason=said)
    return locked


def may_revoke(grant: Grant, person: User) -> bool:
    """Whether this person may end this access: the app's owner, an owner of the product, an administrator."""
    return grant.app.is_editable_by(person) or may_revoke_of_others(grant, person)


def may_revoke_of_others(grant: Grant, person: User) -> bool:
    """Whether this person may end this access whoever the app belongs to: as the product's owner or administrator."""
    if not person.may(Right.REVOKE_ACCESS):
        return False
    owners = {owner.id for owner in grant.product.owners}
    return person.may(Right.SEE_ALL_REQUESTS) or not owners or person.id in owners


def may_revoke_credential(credential: Credential, person: User) -> bool:
    """Whether this person may end this credential: that is, everything that it opens now."""
    if credential.app.is_editable_by(person):
        return True
    held = held_through(credential)
    return person.may(Right.REVOKE_ACCESS) and all(may_revoke(grant, person) for grant in held)


def revoke_credential(credential: Credential, *, by: User, reason: str = "") -> None:
    """End a credential and everything that it opened, at once. Raises as ``credentials.revoke`` does."""
    if not may_revoke_credential(credential, by):
        raise NotAllowed("You may not revoke this credential.")
    locked = credentials.revoke(credential, by=by, reason=reason)
    for grant in held_through(locked):
        _revoke(grant, by, reason)


def end_credential(credential: Credential, *, by: User | None, reason: str) -> None:
    """End a credential and everything that it opened, for whoever has found that it must: the clock, a leak."""
    locked = credentials.end(credential, by=by, reason=reason)
    for grant in held_through(locked):
        _revoke(grant, by, reason)


def delete_app(app: DeveloperApp, *, by: User) -> None:
    """Take an app away: pending requests are withdrawn, credentials and access end at once, history stays (I14).

    The review of an emergency stays open: nobody gets out of that debt by deleting the app.
    """
    locked = lock(DeveloperApp, app.id)
    if locked is None or not locked.is_editable_by(by):
        raise NotAllowed("Only the owner of an app can delete it.")
    withdraw_pending(locked, by=by, reason="The app was deleted.")
    for credential in credentials.credentials_of(locked):
        if credential.is_live:
            revoke_credential(credential, by=by, reason="The app was deleted.")
    apps.mark_deleted(locked, by=by)


def withdraw_pending(app: DeveloperApp, *, by: User, reason: str) -> None:
    """Withdraw what this app has asked for and nobody has decided, in the order in which everybody locks requests.

    The review of an emergency is a debt, and stays open.
    """
    pending = select(AccessRequest.id).where(
        AccessRequest.app_id == app.id, AccessRequest.status == RequestStatus.PENDING
    )
    for request_id in db.session.scalars(pending.order_by(AccessRequest.id)).all():
        request = lock(AccessRequest, request_id)
        if request is not None and request.is_pending and request.kind is not RequestKind.BREAK_GLASS:
            close_as_withdrawn(request, by=by, reason=reason)


def close_as_withdrawn(request: AccessRequest, *, by: User, reason: str = "") -> None:
    """Close a locked request as withdrawn, with its unanswered stages. Raises Conflict when it was decided."""
    close_refused(request, RequestStatus.WITHDRAWN, by=by, reason=reason)
    record(EventKind.REQUEST_WITHDRAWN, subject=request, by=by, reason=reason)


def close_refused(request: AccessRequest, status: RequestStatus, *, by: User | None, reason: str) -> None:
    """Close a locked request without access. What was given beforehand ends here: in an emergency in any case (I3), and
    what was to be approved again where somebody has said no; where only nobody answered, its day decides.
    """
    cancel_unanswered(request)
    request.move_to(status)
    if request.kind is RequestKind.BREAK_GLASS:
        held = lock(Credential, request.credential_id) if request.credential_id is not None else None
        for grant in _held(Grant.request_id == request.id):
            _revoke(grant, by, reason)
        if held is not None and held.is_live:
            credentials.end(held, by=by, reason=reason)
    elif request.kind is RequestKind.REAPPROVAL and status is RequestStatus.REJECTED and by is not None:
        _end_rejected(request, by, reason)


def _end_rejected(request: AccessRequest, by: User, reason: str) -> None:
    """End the access that somebody has refused to approve again; its credential goes with its last access."""
    credential = lock(Credential, request.credential_id) if request.credential_id is not None else None
    if credential is None:
        return
    for grant in held_through(credential):
        if grant.product_id in {item.product_id for item in request.items}:
            _revoke(grant, by, reason)
    db.session.flush()
    if credential.is_live and not held_through(credential):
        credentials.end(credential, by=by, reason=reason)


def cancel_unanswered(request: AccessRequest) -> None:
    """Nobody needs to answer any more."""
    for stage in request.stages:
        if stage.state in UNANSWERED:
            stage.move_to(StageState.CANCELLED)


def end_expired(app: DeveloperApp | None = None) -> int:
    """Give access whose time is over the state that it already has in effect, for one app or all; says how many.

    An access that somebody holds at this moment is left to the next time: whoever revokes it has its credential, and
    waiting here for it could hold up both.
    """
    over, whose = (_OVER, {}) if app is None else (_OVER_OF_APP, {"app": app.id})
    ended = db.session.scalars(over, {"moment": now(), **whose}).all()
    for grant in ended:
        grant.move_to(GrantState.EXPIRED)
        record(EventKind.ACCESS_EXPIRED, subject=grant, by=None, after={"ends_at": grant.ends_at})
    if ended:
        db.session.flush()
    return len(ended)


def lock_grant(grant: Grant) -> tuple[Grant, Credential]:
    """The access and its credential as they are now, locked in the order of everybody. Raises NotFound."""
    credential = lock(Credential, grant.credential_id)
    locked = lock(Grant, grant.id)
    if locked is None or credential is None:
        raise NotFound("There is no such access.")
    return locked, credential


def held_through(credential: Credential) -> Sequence[Grant]:
    """The access that the app has by this credential, suspended or not."""
    return _held(Grant.credential_id == credential.id)


def said_why(reason: str) -> str:
    """The reason for ending or suspending somebody's access. Raises Invalid without one."""
    if is_blank(reason):
        raise Invalid("Give a reason: the app’s people will read it.", field="reason")
    if len(reason) > LONGEST_ENDING_REASON:
        raise Invalid(f"The reason is longer than {LONGEST_ENDING_REASON} characters.", field="reason")
    return reason.strip()


def refuse_if_over(grant: Grant) -> None:
    """Raise Conflict when the access has ended, worker or not."""
    if grant.state is GrantState.SUPERSEDED:
        raise Conflict(
            "Newly approved terms have taken the place of this access. Look at it again: nothing was changed."
        )
    if not grant.is_held:
        raise Conflict(f"This access is {grant.status.lower()} already.")


def _revoke(grant: Grant, by: User | None, reason: str) -> None:
    grant.revoke(reason)
    record(EventKind.ACCESS_REVOKED, subject=grant, by=by, reason=reason)


def _held(where: ColumnElement[bool]) -> Sequence[Grant]:
    query = select(Grant).where(Grant.state.in_(HELD_STATES), where).order_by(Grant.id)
    return db.session.scalars(query).all()
