"""Another plan on the same credential: asked for by a request of its own, while the old terms stay in force (T48-T51).

A credential belongs to one plan, so the request is about all of its products (T41, T50). The secret stays. Owners of
the products can ask for it in place of the app's owner: the policy judges the app's owner all the same, so that nobody
gets access by this road that they would not get by their own request (C84).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal import forms
from portal.access.again import Again, answers_then, enter_again, foresee_again, item_like
from portal.access.earlier import answers_now, good_answers
from portal.access.ending import may_revoke_of_others
from portal.access.form import form_of, judged_answers
from portal.access.models import (
    HELD_STATES,
    AccessRequest,
    CartItem,
    Grant,
    GrantState,
    RequestItem,
    RequestKind,
    RequestStatus,
)
from portal.access.outlook import Outlook
from portal.access.rules import CartRejected, Category, Problem, allowance_left, reason_problems
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, AuthMethod, Catalogue, Offer, Plan, offers_for
from portal.credentials import Credential
from portal.db import db, lock
from portal.errors import Conflict, NotAllowed

ASKED_ALREADY = "Somebody has just asked for this. Look at the requests of the app."


@dataclass(frozen=True)
class PlanChange:
    """Which plans a credential could go to; ``refusal`` says why to none. ``grants`` are all that would go along."""

    credential: Credential
    grants: tuple[Grant, ...]
    plans: tuple[Plan, ...]
    catalogues: Mapping[int, Catalogue]
    refusal: str = ""
    pending: AccessRequest | None = None

    @property
    def products(self) -> list[ApiProduct]:
        """What it opens."""
        return [grant.product for grant in self.grants]

    @property
    def answers(self) -> dict[str, Any]:
        """What was answered to the request forms then; of two answers the later."""
        return answers_then(self.grants)

    def plan_with(self, plan_id: int | None) -> Plan | None:
        """The plan with this key, if the credential can go to it."""
        return next((plan for plan in self.plans if plan.id == plan_id), None)

    def items_on(self, plan: Plan) -> list[CartItem]:
        """What would be asked for, as in a cart; never stored."""
        catalogue = self.catalogues[plan.id]
        return [item_like(grant, plan, catalogue) for grant in self.grants]

    def asked_on(self, plan: Plan) -> Again:
        """What would be asked for on this plan, in the name of the app's owner."""
        return Again(
            kind=RequestKind.PLAN_CHANGE,
            credential=self.credential,
            plan=plan,
            requester=self.credential.app.owner,
            items=self.items_on(plan),
            grants=self.grants,
            scopes={grant.product_id: scopes_after(grant, plan) for grant in self.grants},
        )


def plan_change_of(credential: Credential) -> PlanChange:
    """To which plans this credential can go now, with all that it opens."""
    grants = _held(credential)
    pending = _open_request(credential, grants)
    nothing = _why_nothing(credential, grants, pending)
    if nothing:
        return PlanChange(credential, tuple(grants), (), {}, nothing, pending)
    offered = _offered_for_all(grants)
    plans = [offer.plan for offer in offered if offer.plan.id != credential.plan_id]
    open_ = [plan for plan in plans if all(scopes_after(grant, plan) or not grant.scopes for grant in grants)]
    refusal = "" if open_ else "No other plan is offered for everything that this credential opens."
    catalogues = {offer.plan.id: offer.catalogue for offer in offered}
    return PlanChange(credential, tuple(grants), tuple(open_), catalogues, refusal)


def scopes_after(grant: Grant, plan: Plan) -> list[str]:
    """What would be asked for on another plan: all that it opens, but not what a reviewer has taken away before."""
    taken = set(grant.plan.scopes_for(grant.product)) - set(grant.scopes)
    return [scope for scope in plan.scopes_for(grant.product) if scope not in taken]


def may_change_plan(credential: Credential, person: User) -> bool:
    """Whether this person may ask for another plan: the app's owner, and who owns everything that it opens."""
    if credential.app.is_editable_by(person):
        return True
    grants = _held(credential)
    return bool(grants) and all(may_revoke_of_others(grant, person) for grant in grants)


def ask_plan_change(
    credential: Credential,
    plan: Plan,
    *,
    by: User,
    reason: str = "",
    answers: Mapping[str, Any] | None = None,
    form_ids: Sequence[int] = (),
) -> AccessRequest:
    """Ask for another plan for everything that this credential opens.

    ``answers`` are those to the forms ``form_ids``; without any, those given before are taken. The request is the app
    owner's, whoever presses the button. Raises NotAllowed, Conflict when it cannot be had, CartRejected with what is
    missing.
    """
    lock(User, credential.app.owner_id)  # of two changes at once, the second counts the first against the allowance
    app = lock(DeveloperApp, credential.app_id)  # an app that is being deleted gets no request
    held = lock(Credential, credential.id)
    if app is None or held is None or not app.is_live or not may_change_plan(held, by):
        raise NotAllowed("You may not change the plan of this credential.")
    change = plan_change_of(held)
    if change.refusal:
        raise Conflict(change.refusal)
    if change.plan_with(plan.id) is None:
        raise Conflict(f"{plan.display_name} is not offered for everything that this credential opens.")
    items, requester = change.items_on(plan), app.owner
    if answers is None:
        form = form_of(items, held.environment)
        answers = answers_now(change.answers, good_answers(app, form, by=requester), form)
        form_ids = form.form_ids
    judged = judged_answers(items, answers, form_ids, environment=held.environment, app=app, by=requester)
    if found := reason_problems(items, reason) + judged.problems + _allowance_problem(plan, requester):
        raise CartRejected(found)
    asked = change.asked_on(plan)
    return enter_again(asked, judged, by=by, reason=reason, form_ids=form_ids, refusal=ASKED_ALREADY)


def form_of_change(change: PlanChange, plan: Plan) -> forms.Ask:
    """What the request forms in force ask for this plan."""
    return form_of(change.items_on(plan), change.credential.environment)


def foresee_change(change: PlanChange, plan: Plan, *, form_ids: Sequence[int], answers: Mapping[str, Any]) -> Outlook:
    """Who would decide about this change if it was asked for now, and why."""
    return foresee_again(change.asked_on(plan), form_ids=form_ids, answers=answers)


def _why_nothing(credential: Credential, grants: Sequence[Grant], pending: AccessRequest | None) -> str:
    if credential.auth_method is not AuthMethod.OAUTH2:
        return "An API key stays on its plan. Ask for a new one on another plan."
    if not credential.is_live or credential.parent_id is not None:
        return "This credential has ended." if not credential.is_live else "It stands under another credential."
    if not grants:
        return "This credential opens nothing."
    if pending is not None:
        return f"{pending.number} asks for something else on this credential. Wait until it is decided."
    if any(grant.request.kind is RequestKind.BREAK_GLASS for grant in grants):
        return "Emergency access stays as it was given."
    suspended = [grant.product.name for grant in grants if grant.state is GrantState.SUSPENDED]
    if suspended:
        return f"The access to {', '.join(suspended)} is suspended. The plan can be changed once it is resumed."
    gone = [grant.product.name for grant in grants if not _can_be_asked_for(grant.product, credential)]
    if gone:
        return f"{', '.join(gone)} cannot be requested like this any more. Remove it from the credential first."
    return ""


def _can_be_asked_for(product: ApiProduct, credential: Credential) -> bool:
    same = product.auth_method is credential.auth_method and credential.environment in product.environments
    return product.is_requestable and same


def _offered_for_all(grants: Sequence[Grant]) -> list[Offer]:
    """One offer for each plan that is offered for every product."""
    products = {grant.product_id: grant.product for grant in grants}
    first: dict[int, Offer] = {}
    covered: dict[int, set[int]] = {}
    for offer in offers_for(list(products.values())):
        first.setdefault(offer.plan.id, offer)
        covered.setdefault(offer.plan.id, set()).add(offer.product.id)
    return [offer for plan_id, offer in first.items() if covered[plan_id] == set(products)]


def _open_request(credential: Credential, grants: Sequence[Grant]) -> AccessRequest | None:
    """A request that waits about this credential, or about a product that it opens (I1)."""
    asked = select(RequestItem.request_id).where(
        RequestItem.app_id == credential.app_id,
        RequestItem.environment == credential.environment,
        RequestItem.product_id.in_([grant.product_id for grant in grants]),
        RequestItem.is_open,
    )
    query = select(AccessRequest).where(
        AccessRequest.status == RequestStatus.PENDING,
        AccessRequest.kind != RequestKind.BREAK_GLASS,
        AccessRequest.app_id == credential.app_id,
        (AccessRequest.credential_id == credential.id) | AccessRequest.id.in_(asked),
    )
    return db.session.scalars(query.order_by(AccessRequest.id).limit(1)).first()


def _allowance_problem(plan: Plan, requester: User) -> list[Problem]:
    if allowance_left(plan, by=requester) == 0:
        message = f"Plan access quota exceeded: {plan.display_name} allows no more requests now."
        return [Problem(Category.PLAN, message)]
    return []


def _held(credential: Credential) -> Sequence[Grant]:
    query = select(Grant).where(Grant.credential_id == credential.id, Grant.state.in_(HELD_STATES))
    query = query.options(joinedload(Grant.product), joinedload(Grant.plan), joinedload(Grant.request))
    return [grant for grant in db.session.scalars(query.order_by(Grant.id)) if grant.is_held]
