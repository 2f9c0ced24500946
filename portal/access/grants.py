"""Access that stands: making it on approval, ending it, and what an app holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from portal import apps, credentials
from portal.access.models import (
    AccessRequest,
    Grant,
    GrantState,
    RequestItem,
    RequestKind,
    RequestStatus,
)
from portal.access.review import UNANSWERED, PolicyDecision, ReviewStage, StageAssignee, StageState
from portal.accounts import Right, User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, PlanState
from portal.credentials import Credential
from portal.db import db, lock, now
from portal.errors import Conflict, NotAllowed, NotFound
from portal.events import EventKind, record


@dataclass(frozen=True)
class Tally:
    """What an app has, in numbers."""

    access: int
    pending: int


def provision(request: AccessRequest, *, by: User | None, until: datetime | None = None) -> Credential:
    """Make a grant for each product of an approved request, on one credential of the request's app.

    ``until`` ends the access earlier than its terms do. The only place where grants are made. Raises Conflict when the
    app or the chosen credential has ended meanwhile, a product is no longer open, or the app holds such access already;
    then nothing is made and nothing is approved.
    """
    _refuse_if_over(request)
    _refuse_unanswered(request)
    credential = _credential_for(request, by)
    end_expired(request.app)
    if until is not None:
        credential.expires_at = min(until, credential.expires_at or until)
    conditions = [text for stage in request.stages for review in stage.live_reviews for text in review.conditions]
    grants = [
        Grant(
            request=request,
            app=request.app,
            product=item.product,
            plan=request.plan,
            credential=credential,
            environment=request.environment,
            scopes=item.granted_scopes,
            conditions=conditions,
            ends_at=_end_of(request, credential),
        )
        for item in request.standing_items
    ]
    db.session.add_all(grants)
    db.session.flush()
    for grant in grants:
        after = {"scopes": grant.scopes, "ends_at": grant.ends_at}
        record(EventKind.ACCESS_GRANTED, subject=grant, by=by, after=after)
    request.credential = credential
    return credential


def revoke_access(grant: Grant, *, by: User, reason: str) -> None:
    """End an app's access to one product at once; the credential goes with its last product.

    The app's owner and people who may revoke access can. Raises Conflict when it has ended already.
    """
    if not may_revoke(grant, by):
        raise NotAllowed("You may not revoke this access.")
    credential = lock(Credential, grant.credential_id)
    locked = lock(Grant, grant.id)
    if locked is None or credential is None:
        raise NotFound("There is no such access.")
    _revoke(locked, by, reason)
    if credential.is_live and not _active_grants(Grant.credential_id == credential.id):
        credentials.revoke(credential, by=by, reason=reason or "Its last access was revoked.")


def may_revoke(grant: Grant, person: User) -> bool:
    """Whether this person may end this access: the app's owner, an owner of the product, an administrator."""
    if grant.app.is_editable_by(person):
        return True
    if not person.may(Right.REVOKE_ACCESS):
        return False
    owners = {owner.id for owner in grant.product.owners}
    return person.may(Right.SEE_ALL_REQUESTS) or not owners or person.id in owners


def may_revoke_credential(credential: Credential, person: User) -> bool:
    """Whether this person may end this credential: that is, everything that it opens now."""
    if credential.app.is_editable_by(person):
        return True
    opened = _active_grants(Grant.credential_id == credential.id)
    return person.may(Right.REVOKE_ACCESS) and all(may_revoke(grant, person) for grant in opened)


def revoke_credential(credential: Credential, *, by: User, reason: str = "") -> None:
    """End a credential and everything that it opened, at once. Raises as ``credentials.revoke`` does."""
    if not may_revoke_credential(credential, by):
        raise NotAllowed("You may not revoke this credential.")
    locked = credentials.revoke(credential, by=by, reason=reason)
    for grant in _active_grants(Grant.credential_id == locked.id):
        _revoke(grant, by, reason)


def delete_app(app: DeveloperApp, *, by: User) -> None:
    """Take an app away: pending requests are withdrawn, credentials and access end at once, history stays (I14).

    The review of an emergency stays open: nobody gets out of that debt by deleting the app.
    """
    locked = lock(DeveloperApp, app.id)
    if locked is None or not locked.is_editable_by(by):
        raise NotAllowed("Only the owner of an app can delete it.")
    pending = select(AccessRequest.id).where(
        AccessRequest.app_id == app.id, AccessRequest.status == RequestStatus.PENDING
    )
    for request_id in db.session.scalars(pending).all():
        request = lock(AccessRequest, request_id)
        if request is not None and request.is_pending and request.kind is not RequestKind.BREAK_GLASS:
            close_as_withdrawn(request, by=by, reason="The app was deleted.")
    for credential in credentials.credentials_of(locked):
        if credential.is_live:
            revoke_credential(credential, by=by, reason="The app was deleted.")
    apps.mark_deleted(locked, by=by)


def close_as_withdrawn(request: AccessRequest, *, by: User, reason: str = "") -> None:
    """Close a locked request as withdrawn, with its unanswered stages. Raises Conflict when it was decided."""
    close_refused(request, RequestStatus.WITHDRAWN, by=by, reason=reason)
    record(EventKind.REQUEST_WITHDRAWN, subject=request, by=by, reason=reason)


def close_refused(request: AccessRequest, status: RequestStatus, *, by: User | None, reason: str) -> None:
    """Close a locked request without access. What was given beforehand, in an emergency, ends here (I3)."""
    cancel_unanswered(request)
    request.move_to(status)
    if request.kind is RequestKind.BREAK_GLASS:
        held = lock(Credential, request.credential_id) if request.credential_id is not None else None
        for grant in _active_grants(Grant.request_id == request.id):
            _revoke(grant, by, reason)
        if held is not None and held.is_live:
            credentials.end(held, by=by, reason=reason)


def cancel_unanswered(request: AccessRequest) -> None:
    """Nobody needs to answer any more."""
    for stage in request.stages:
        if stage.state in UNANSWERED:
            stage.move_to(StageState.CANCELLED)


def grants_of(app: DeveloperApp) -> Sequence[Grant]:
    """Every access the app has or had, those that stand first, the newest first."""
    query = select(Grant).where(Grant.app_id == app.id).order_by(Grant.state, Grant.id.desc())
    query = query.options(joinedload(Grant.product), joinedload(Grant.plan), joinedload(Grant.credential))
    return db.session.scalars(query).all()


def grants_from(request: AccessRequest) -> Sequence[Grant]:
    """The access that came of this request, whatever became of it since."""
    query = select(Grant).where(Grant.request_id == request.id).order_by(Grant.id)
    return db.session.scalars(query.options(joinedload(Grant.product), joinedload(Grant.credential))).all()


def tallies(app_ids: Sequence[int]) -> dict[int, Tally]:
    """For each of these apps, how much access stands and how many requests wait; two queries for any number of apps."""
    standing = select(Grant.app_id, func.count()).where(
        Grant.app_id.in_(app_ids),
        Grant.state == GrantState.ACTIVE,
        or_(Grant.ends_at.is_(None), Grant.ends_at > now()),
    )
    waiting = select(AccessRequest.app_id, func.count()).where(
        AccessRequest.app_id.in_(app_ids), AccessRequest.status == RequestStatus.PENDING
    )
    access = {row[0]: row[1] for row in db.session.execute(standing.group_by(Grant.app_id))}
    pending = {row[0]: row[1] for row in db.session.execute(waiting.group_by(AccessRequest.app_id))}
    return {app_id: Tally(access.get(app_id, 0), pending.get(app_id, 0)) for app_id in app_ids}


def held_by(app: DeveloperApp) -> Sequence[Grant]:
    """The access that the app has now."""
    return _active_grants(Grant.app_id == app.id)


def find_grant(grant_id: int, *, app: DeveloperApp) -> Grant | None:
    """This access of this app; None when the app has no such one."""
    grant = db.session.get(Grant, grant_id)
    return grant if grant is not None and grant.app_id == app.id else None


def pending_requests_of(app: DeveloperApp) -> Sequence[AccessRequest]:
    """The app's requests that nobody has decided, the newest first."""
    query = (
        select(AccessRequest)
        .where(AccessRequest.app_id == app.id, AccessRequest.status == RequestStatus.PENDING)
        .options(
            joinedload(AccessRequest.plan),
            selectinload(AccessRequest.items).joinedload(RequestItem.product).selectinload(ApiProduct.owners),
            selectinload(AccessRequest.stages).selectinload(ReviewStage.assignees).joinedload(StageAssignee.user),
            selectinload(AccessRequest.stages).selectinload(ReviewStage.reviews),
            selectinload(AccessRequest.stages).joinedload(ReviewStage.reviewer),
        )
    )
    return db.session.scalars(query.order_by(AccessRequest.id.desc())).all()


def end_expired(app: DeveloperApp | None = None) -> int:
    """Give access whose time is over the state that it already has in effect, for one app or all; says how many."""
    over = select(Grant).where(Grant.state == GrantState.ACTIVE, Grant.ends_at <= now())
    over = over.where(Grant.app_id == app.id) if app is not None else over
    over = over.order_by(Grant.id).limit(1000).with_for_update(of=Grant, key_share=True)
    ended = db.session.scalars(over.execution_options(populate_existing=True)).all()
    for grant in ended:
        grant.state = GrantState.EXPIRED
    if ended:
        db.session.flush()
    return len(ended)


def _refuse_if_over(request: AccessRequest) -> None:
    if not request.app.is_live:
        raise Conflict(f"The app {request.app.name} has been deleted, so {request.number} cannot be approved.")
    if not request.requester.active:
        raise Conflict(
            f"The account of {request.requester.display_name} is closed, so {request.number} cannot be approved."
        )
    if request.plan.state is PlanState.RETIRED:
        raise Conflict(
            f"The plan {request.plan.display_name} has been retired since {request.number} was submitted. "
            "Reject it with a reason."
        )
    changed = [product.name for product in request.products if product.auth_method is not request.auth_method]
    if changed:
        raise Conflict(
            f"{', '.join(changed)} has another authentication method than when {request.number} was submitted. "
            "Reject it with a reason."
        )
    closed = [product.name for product in request.products if not product.is_open]
    if closed:
        raise Conflict(
            f"{', '.join(closed)} has been retired since {request.number} was submitted. Reject it with a reason."
        )


def _refuse_unanswered(request: AccessRequest) -> None:
    """The last door before access (I3): every stage that the policy asks for now has been approved.

    Those who approve have seen to that before. If any of them ever fails to, nothing is given.
    """
    if request.kind is RequestKind.BREAK_GLASS:
        return
    approved = {stage.key for stage in request.stages if stage.state is StageState.APPROVED}
    left = [stage.key for stage in request.stages if stage.state not in {StageState.APPROVED, StageState.SKIPPED}]
    decided = select(PolicyDecision.stages, PolicyDecision.outcome).where(PolicyDecision.request_id == request.id)
    last = db.session.execute(decided.order_by(PolicyDecision.revision.desc()).limit(1)).one_or_none()
    if last is not None:
        left += [key for key in last.stages if key not in approved]
        left += ["policy"] if last.outcome == "deny" else []
    if left:
        raise Conflict(f"{request.number} has not been approved by all who have to. Nothing was given.")


def _credential_for(request: AccessRequest, by: User | None) -> Credential:
    if request.credential_id is None:
        return credentials.issue(
            request.app,
            request.plan,
            request.auth_method,
            name=request.credential_name,
            lifetime_days=request.terms["credential_lifetime_days"],
            environment=request.environment,
            by=by,
        )
    credential = lock(Credential, request.credential_id)
    if credential is None or not credential.is_live:
        raise Conflict(f"The credential that {request.number} should extend has ended. Reject it with a reason.")
    return credential


def _end_of(request: AccessRequest, credential: Credential) -> datetime | None:
    """When the access ends: with its credential, or with the last day that was approved, whichever comes first."""
    if request.ends_on is None:
        return credential.expires_at
    ends = datetime.combine(request.ends_on + timedelta(days=1), time.min, tzinfo=UTC)
    return ends if credential.expires_at is None else min(ends, credential.expires_at)


def _revoke(grant: Grant, by: User | None, reason: str) -> None:
    grant.revoke(reason)
    record(EventKind.ACCESS_REVOKED, subject=grant, by=by, reason=reason)


def _active_grants(where: ColumnElement[bool]) -> Sequence[Grant]:
    return db.session.scalars(select(Grant).where(Grant.state == GrantState.ACTIVE, where)).all()
