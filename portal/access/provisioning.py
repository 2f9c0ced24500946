"""Making access on approval, and nowhere else: new access, and access that takes the place of what stands (T50, C76).

A renewal, a change of plan and a re-approval are about products that the same credential already opens. Until they are
approved the old terms stay in force; then the old access is replaced, not ended: both stand in one transaction, and the
secret stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import select

from portal import credentials
from portal.access.ending import end_expired
from portal.access.models import AccessRequest, Cause, Grant, GrantState, RequestItem, RequestKind
from portal.access.review import PolicyDecision, StageState
from portal.access.standing import conditions_of
from portal.access.terms import last_decision, seal_terms, terms_of_use_now
from portal.accounts import User
from portal.catalog import PlanState
from portal.credentials import Credential
from portal.db import db, lock, now
from portal.errors import Conflict
from portal.events import EventKind, record
from portal.policies import joined

REPLACING = frozenset({RequestKind.RENEWAL, RequestKind.PLAN_CHANGE, RequestKind.REAPPROVAL})
TERMS_ANEW = REPLACING - {RequestKind.REAPPROVAL}  # which gives no more time than there was
AS_A_WHOLE = frozenset({RequestKind.PLAN_CHANGE, RequestKind.BREAK_GLASS})  # no line of them is declined alone
ENDED_BEFORE = "Its access ended before this was approved."


def provision(request: AccessRequest, *, by: User | None, until: datetime | None = None) -> Credential:
    """Make a grant for each product of an approved request, on one credential of the request's app.

    ``until`` ends the access earlier than its terms do. The only place where grants are made. Raises Conflict when the
    app or the chosen credential has ended meanwhile, a product is no longer open, or the app holds such access already;
    then nothing is made and nothing is approved.
    """
    refuse_impossible(request)
    with db.session.no_autoflush:  # first everything is read, then everything is stored in one step
        decision = last_decision(request)
        _refuse_unanswered(request, decision)
        chosen = _chosen_credential(request)  # locked before the access that it opens, as everybody does
        end_expired(request.app)
        of_use = terms_of_use_now(request.standing_items)
    credential = chosen or _new_credential(request)
    replaced = _replaced_by(request)
    goes_on = chosen is not None and request.kind in TERMS_ANEW
    ends_at = _put_on_terms(credential, request, by) if goes_on else credential.expires_at
    if until is not None:
        credential.expires_at = ends_at = min(until, credential.expires_at or until)
    for grant in replaced.values():
        _supersede(grant, request, by)
    if replaced:
        db.session.flush()  # there is one access of a kind at a time: the old one goes before the new one comes
    grants = [_grant(request, item, credential, ends_at) for item in request.standing_items]
    for grant in grants:
        old = replaced.get(grant.product.id)
        if old is not None:
            grant.renews_id, grant.last_used_at = old.id, old.last_used_at
            if request.kind is RequestKind.REAPPROVAL:
                _take_over(grant, old)
            elif request.auto_approved:  # nobody has taken back what a reviewer asked for
                grant.conditions = list(old.conditions)
    _seal(grants, decision, of_use)
    db.session.add_all(grants)
    request.credential = credential
    db.session.flush()
    if chosen is None:
        credentials.record_issue(credential, by=by)
    for grant in grants:
        after = {"scopes": grant.scopes, "ends_at": grant.ends_at, "terms_hash": grant.terms_hash}
        record(EventKind.ACCESS_GRANTED, subject=grant, by=by, after=after)
    return credential


def _take_over(grant: Grant, old: Grant) -> None:
    """What is approved again goes on as it was, and nothing that was said about it before is forgotten.

    Whoever suspended it has not resumed it by that; but what stopped only because nobody had approved it goes on.
    """
    grant.ends_at = min((end for end in (grant.ends_at, old.ends_at) if end is not None), default=None)
    grant.conditions = list(dict.fromkeys([*old.conditions, *grant.conditions]))
    if old.suspended_at is not None and old.suspended_cause is not Cause.NOT_REAPPROVED:
        grant.state, grant.suspended_at, grant.suspended_reason = (
            GrantState.SUSPENDED,
            old.suspended_at,
            old.suspended_reason,
        )
        grant.suspended_by_app, grant.suspended_cause = old.suspended_by_app, old.suspended_cause


def _grant(request: AccessRequest, item: RequestItem, credential: Credential, ends_at: datetime | None) -> Grant:
    return Grant(
        request=request,
        app=request.app,
        product=item.product,
        plan=request.plan,
        credential=credential,
        environment=request.environment,
        scopes=list(item.granted_scopes),
        conditions=conditions_of(request),
        starts_at=now(),
        ends_at=_not_after(request, ends_at),
    )


def _seal(grants: list[Grant], decision: PolicyDecision | None, of_use: Mapping[int, int]) -> None:
    version = decision.policy_version if decision is not None else ""
    for grant in grants:
        seal_terms(grant, policy_version=version, terms_of_use=of_use.get(grant.product.id))


def _replaced_by(request: AccessRequest) -> dict[int, Grant]:
    """The access whose place a renewal or a change of plan takes, by product, locked.

    What was revoked while the request waited is not given again: its line is declined. Raises Conflict when nothing is
    left, when an access is suspended, or when a change of plan would leave a product on the old plan.
    """
    if request.kind not in REPLACING:
        return {}
    query = select(Grant).where(Grant.credential_id == request.credential_id).order_by(Grant.id)
    query = query.with_for_update(of=Grant, key_share=True).execution_options(populate_existing=True)
    latest = {grant.product_id: grant for grant in db.session.scalars(query)}
    replaced = {}
    for item in request.standing_items:
        old = latest.pop(item.product_id, None)
        again = old is not None and old.is_held and request.kind is RequestKind.REAPPROVAL
        if old is not None and old.state is GrantState.SUSPENDED and not again:
            raise Conflict(f"The access to {item.product.name} is suspended, so it cannot be approved anew.")
        renewed = old is not None and old.state is GrantState.EXPIRED and request.kind is RequestKind.RENEWAL
        if old is not None and (old.state is GrantState.ACTIVE or renewed or again):
            replaced[item.product_id] = old
        else:
            item.declined, item.declined_because, item.is_open = True, ENDED_BEFORE, False
    if not replaced:
        raise Conflict(f"The access that {request.number} is about has ended. Reject it with a reason.")
    left = [grant.product.name for grant in latest.values() if grant.is_held]
    if left and request.kind is RequestKind.PLAN_CHANGE:
        raise Conflict(
            f"{', '.join(left)} would stay on the old plan, and a credential has one. Reject it with a reason."
        )
    return replaced


def _supersede(grant: Grant, request: AccessRequest, by: User | None) -> None:
    if grant.state is GrantState.EXPIRED:
        return  # it ended before it was renewed, and stays so
    grant.move_to(GrantState.SUPERSEDED)
    record(EventKind.ACCESS_SUPERSEDED, subject=grant, by=by, after={"request": request.number})


def _put_on_terms(credential: Credential, request: AccessRequest, by: User | None) -> datetime | None:
    """Put a credential on the plan and the lifetime that were approved; says when access on these terms ends.

    A renewal of one product of several never shortens what the others have.
    """
    before = {"plan": credential.plan.display_name, "expires_at": credential.expires_at}
    days = request.terms["credential_lifetime_days"]
    ends_at = now() + timedelta(days=days) if days else None
    if credential.name == credential.plan.display_name:
        credential.name = request.plan.display_name  # named after its plan by default, so that it misleads nobody now
    credential.plan = request.plan
    shorter = ends_at is not None and (credential.expires_at is None or credential.expires_at > ends_at)
    if not (shorter and request.kind is RequestKind.RENEWAL):
        credential.expires_at = ends_at
    after = {"plan": credential.plan.display_name, "expires_at": credential.expires_at}
    record(EventKind.CREDENTIAL_CHANGED, subject=credential, by=by, before=before, after=after)
    return ends_at


def refuse_impossible(request: AccessRequest) -> None:
    """Raise Conflict when no access could be made of this, whoever approves it: something has ended or changed."""
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
    products = [item.product for item in request.standing_items]
    changed = [product.name for product in products if product.auth_method is not request.auth_method]
    if changed:
        raise Conflict(
            f"{joined(changed, 'and')} {_has(changed)} another authentication method than when {request.number} was "
            f"submitted. {_way_on(request, changed)}"
        )
    closed = [product.name for product in products if not product.is_open]
    if closed:
        raise Conflict(
            f"{joined(closed, 'and')} {_has(closed)} been retired since {request.number} was submitted. "
            f"{_way_on(request, closed)}"
        )


def _has(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _way_on(request: AccessRequest, refused: Sequence[str]) -> str:
    """What a reviewer can do about lines that cannot be approved: the others can, unless all go together."""
    if len(refused) == len(request.standing_items) or request.kind in AS_A_WHOLE:
        return "Reject it with a reason."
    those = "that line" if len(refused) == 1 else "those lines"
    return f"Decline {those} and approve the rest, or reject it all with a reason."


def _refuse_unanswered(request: AccessRequest, last: PolicyDecision | None) -> None:
    """The last door before access (I3): every stage that the policy asks for now has been approved.

    Those who approve have seen to that before. If any of them ever fails to, nothing is given.
    """
    if request.kind is RequestKind.BREAK_GLASS:
        return
    approved = {stage.key for stage in request.stages if stage.state is StageState.APPROVED or stage.is_moot}
    left = [stage.key for stage in request.stages if stage.state not in {StageState.APPROVED, StageState.SKIPPED}]
    if last is not None:
        left += [key for key in last.stages if key not in approved]
        left += ["policy"] if last.outcome == "deny" else []
    if left:
        raise Conflict(f"{request.number} has not been approved by all who have to. Nothing was given.")


def _chosen_credential(request: AccessRequest) -> Credential | None:
    """The credential that the request extends, locked; None when it needs a new one."""
    if request.credential_id is None:
        return None
    credential = lock(Credential, request.credential_id)
    if request.kind is RequestKind.RENEWAL and credential is not None and credential.is_over:
        return None  # reviewers took longer than the access lasted: that is not the requester's fault
    if credential is None or not credential.is_live:
        raise Conflict(f"The credential that {request.number} should extend has ended. Reject it with a reason.")
    if credential.plan_id != request.plan_id and request.kind is not RequestKind.PLAN_CHANGE:
        raise Conflict(
            f"The credential that {request.number} should extend is on {credential.plan.display_name} now. "
            "Reject it with a reason."
        )
    return credential


def _new_credential(request: AccessRequest) -> Credential:
    return credentials.issue(
        request.app,
        request.plan,
        request.auth_method,
        name=request.credential_name,
        lifetime_days=request.terms["credential_lifetime_days"],
        environment=request.environment,
    )


def _not_after(request: AccessRequest, ends_at: datetime | None) -> datetime | None:
    """When the access ends: with its credential, or with the last day that was approved, whichever comes first."""
    if request.ends_on is None:
        return ends_at
    last = datetime.combine(request.ends_on + timedelta(days=1), time.min, tzinfo=UTC)
    return last if ends_at is None else min(last, ends_at)
