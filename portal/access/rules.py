"""The rules of a request: everything that stands in the way of submitting a cart, in words, with ways out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import joinedload

from portal.access.cart import common_plans, groups, offered
from portal.access.ending import end_expired
from portal.access.holdings import changing, held_by
from portal.access.models import HELD_STATES, AccessRequest, CartItem, Grant, GrantState, RequestItem, RequestKind
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.blanks import is_blank
from portal.catalog import Environment, Offer, Plan, chosen_versions
from portal.credentials import Credential
from portal.db import db, now
from portal.errors import Invalid
from portal.policies import joined

LONGEST_REASON = 4000
LONGEST_NAME = 120
_GOES_ON = (RequestKind.RENEWAL, RequestKind.REAPPROVAL)  # who only goes on takes nothing of an allowance
_ASKED = select(RequestItem.product_id).where(
    RequestItem.app_id == bindparam("app"), RequestItem.environment == bindparam("environment"), RequestItem.is_open
)


class Category(StrEnum):
    """What a problem is about; the cart page groups problems by it (T32)."""

    PRODUCT = "product"
    PLAN = "plan"
    APP = "app"
    CREDENTIAL = "credential"
    REASON = "reason"
    FORM = "form"


@dataclass(frozen=True)
class Remedy:
    """A one-click way out: remove these items, or use this plan for all."""

    label: str
    remove_item_ids: tuple[int, ...] = ()
    use_plan_id: int | None = None


@dataclass(frozen=True)
class Problem:
    """Why the cart cannot be submitted, naming what clashes, with ways out."""

    category: Category
    message: str
    remedies: tuple[Remedy, ...] = ()
    field: str = ""  # the key of the question, when it is about the request form


class CartRejected(Invalid):
    """The cart breaks a rule; ``problems`` says which, and nothing was lost."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = tuple(problems)


def problems(items: Sequence[CartItem], *, by: User) -> list[Problem]:
    """Everything about products and plan that stands in the way of submitting this cart."""
    on_offer = offered(items)
    found = [p for item in items if (p := _offer_problem(item, on_offer)) is not None]
    found += _method_problem(items)
    found += _plan_problem(items)
    if not found and items:
        found += _allowance_problem(items, by)
    return found


def allowance_left(plan: Plan, *, by: User) -> int | None:
    """How many more requests this person may make on the plan now; None when there is no limit (T36)."""
    if plan.allowance_requests is None:
        return None
    used = db.session.scalar(
        select(func.count())
        .select_from(AccessRequest)
        .where(
            AccessRequest.requester_id == by.id,
            AccessRequest.plan_id == plan.id,
            AccessRequest.kind.not_in(_GOES_ON),
            AccessRequest.submitted_at > now() - timedelta(days=plan.allowance_days),
        )
    )
    return max(plan.allowance_requests - (used or 0), 0)


def app_problems(
    items: Sequence[CartItem], app: DeveloperApp, environment: Environment = Environment.TEST
) -> list[Problem]:
    """The products that this app already has, or already asks for, in that environment."""
    known = held_by(app)
    if not all(grant.is_held for grant in known):
        end_expired(app)
    standing = [grant for grant in known if grant.state in HELD_STATES and grant.environment is environment]
    held = {grant.product_id: grant for grant in standing}
    asked = set(db.session.scalars(_ASKED, {"app": app.id, "environment": environment}))
    found = []
    for item in items:
        remove = (Remedy(f"Remove {item.product.name}", (item.id,)),)
        if item.product_id in held:
            message = f"{app.name} already has access to {item.product.name}.{_hindered(held[item.product_id])}"
            found.append(Problem(Category.APP, message, remove))
        elif item.product_id in asked:
            message = f"{app.name} already has a pending request for {item.product.name}."
            found.append(Problem(Category.APP, message, remove))
    return found


def _hindered(grant: Grant) -> str:
    """Why access that stands is of no use now, and the way on."""
    if grant.is_shut:
        return " It is for another authentication method: revoke that access first, on the app’s page."
    return " It is suspended." if grant.state is GrantState.SUSPENDED else ""


def environment_problems(items: Sequence[CartItem], environment: Environment) -> list[Problem]:
    """The products that are not offered in the environment that was chosen (C15)."""
    missing = [item for item in items if environment not in item.product.environments]
    if not missing:
        return []
    message = f"{_names(missing)} {'is' if len(missing) == 1 else 'are'} not offered in {environment.label.lower()}."
    return [Problem(Category.PRODUCT, message, _removals({"": missing}))]


def version_problems(items: Sequence[CartItem], wanted: Mapping[int, str]) -> tuple[dict[int, str], list[Problem]]:
    """The version of each product's API that is asked for, by the product's key, and those that cannot be (C22)."""
    chosen, refused = chosen_versions([item.product for item in items], wanted)
    return chosen, [Problem(Category.PRODUCT, message) for message in refused]


def environments_for(items: Sequence[CartItem]) -> list[Environment]:
    """The environments in which every product of the cart is offered, the least delicate first."""
    return [e for e in Environment if all(e in item.product.environments for item in items)]


def reason_problems(items: Sequence[CartItem], reason: str) -> list[Problem]:
    """What is wrong with the reason that was given."""
    fault = reason_fault(items[0].plan, reason)
    return [Problem(Category.REASON, fault)] if fault else []


def reason_fault(plan: Plan, reason: str) -> str:
    """What is wrong with a reason on this plan, in a sentence; empty when nothing is."""
    if plan.reason_required and is_blank(reason):
        return f"{plan.display_name} asks for a reason: say what you need the access for."
    return f"The reason is longer than {LONGEST_REASON} characters." if len(reason) > LONGEST_REASON else ""


def credential_problems(
    items: Sequence[CartItem],
    app: DeveloperApp,
    credential: Credential | None,
    name: str,
    environment: Environment = Environment.TEST,
) -> list[Problem]:
    """What is wrong with the credential that was chosen, or with the name for a new one."""
    if len(name) > LONGEST_NAME:
        message = f"The credential’s name is longer than {LONGEST_NAME} characters."
        return [Problem(Category.CREDENTIAL, message)]
    if credential is None:
        return []
    if credential.app_id != app.id:
        message = f"That credential belongs to another app than {app.name}. Choose one of {app.name}, or a new one."
        return [Problem(Category.CREDENTIAL, message)]
    if credential.environment is not environment:
        message = (
            f"That credential is for {credential.environment.label.lower()}, and this request is for "
            f"{environment.label.lower()}. Choose another one, or ask for a new one."
        )
        return [Problem(Category.CREDENTIAL, message)]
    if (change := changing(credential)) is not None:
        message = f"{change.number} asks for another plan for that credential. Wait for it, or ask for a new one."
        return [Problem(Category.CREDENTIAL, message)]
    if credential in reusable_credentials(app.owner, items):
        return []
    message = "These products cannot be added to that credential. Choose another one, or ask for a new one."
    return [Problem(Category.CREDENTIAL, message)]


def reusable_credentials(owner: User, items: Sequence[CartItem]) -> list[Credential]:
    """The person's credentials to which these products can be added: same plan and method, none held yet (T42).

    Of all their apps at once, in two queries, the newest first.
    """
    plan_ids, methods = {i.plan_id for i in items}, {i.product.auth_method for i in items}
    if len(plan_ids) != 1 or len(methods) != 1:
        return []
    query = (
        select(Credential)
        .join(DeveloperApp, DeveloperApp.id == Credential.app_id)
        .where(
            DeveloperApp.owner_id == owner.id,
            DeveloperApp.deleted_at.is_(None),
            Credential.parent_id.is_(None),
            Credential.plan_id.in_(plan_ids),
            Credential.auth_method.in_(methods),
        )
        .options(joinedload(Credential.app), joinedload(Credential.plan))
        .order_by(Credential.id.desc())
    )
    live = [credential for credential in db.session.scalars(query) if credential.is_live]
    taken = select(Grant.credential_id).where(
        Grant.credential_id.in_([c.id for c in live]),
        Grant.product_id.in_([i.product_id for i in items]),
        Grant.state.in_(HELD_STATES),
    )
    holding = set(db.session.scalars(taken)) if live else set()
    return [credential for credential in live if credential.id not in holding]


def _offer_problem(item: CartItem, on_offer: dict[tuple[int, int, int], Offer]) -> Problem | None:
    remove = Remedy(f"Remove {item.product.name}", (item.id,))
    if not item.product.is_requestable:
        because = "has been retired" if not item.product.is_open else "cannot be requested here"
        return Problem(Category.PRODUCT, f"{item.product.name} {because}.", (remove,))
    if (item.product_id, item.plan_id, item.catalogue_id) not in on_offer:
        message = f"{item.plan.display_name} is no longer offered for {item.product.name} in {item.catalogue.name}."
        return Problem(Category.PLAN, message, (remove, *_other_plans([item])))
    return None


def _method_problem(items: Sequence[CartItem]) -> list[Problem]:
    sides = _by(items, lambda item: item.product.auth_method.label)
    if len(sides) < 2:
        return []
    message = f"All products of a request must use the same authentication method. These do not: {_clash(sides)}."
    return [Problem(Category.PRODUCT, message, _removals(sides))]


def _plan_problem(items: Sequence[CartItem]) -> list[Problem]:
    sides = _by(items, lambda item: item.plan.display_name)
    if len(sides) < 2:
        return []
    message = f"All products of a request must be on one plan. These are not: {_clash(sides)}."
    return [Problem(Category.PLAN, message, (*_other_plans(items), *_removals(sides)))]


def _allowance_problem(items: Sequence[CartItem], by: User) -> list[Problem]:
    plan = items[0].plan
    left = allowance_left(plan, by=by)
    if left is None or left >= len(groups(items)):
        return []
    message = (
        f"Plan access quota exceeded: {plan.display_name} allows {plan.allowance_requests} "
        f"request{'' if plan.allowance_requests == 1 else 's'} in {plan.allowance_days} days, "
        f"for all your apps together, and {left or 'none'} "
        f"{'is' if left == 1 else 'are'} left."
    )
    others = tuple(r for r in _other_plans(items) if r.use_plan_id != plan.id)
    return [Problem(Category.PLAN, message, (*others, Remedy("Empty the cart", tuple(i.id for i in items))))]


def _by(items: Sequence[CartItem], mark: Callable[[CartItem], str]) -> dict[str, list[CartItem]]:
    sides: dict[str, list[CartItem]] = defaultdict(list)
    for item in items:
        sides[mark(item)].append(item)
    return sides


def _clash(sides: dict[str, list[CartItem]]) -> str:
    return "; ".join(f"{_names(side)} ({mark})" for mark, side in sides.items())


def _removals(sides: dict[str, list[CartItem]]) -> tuple[Remedy, ...]:
    return tuple(Remedy(f"Remove {_names(side)}", tuple(i.id for i in side)) for side in sides.values())


def _other_plans(items: Sequence[CartItem]) -> tuple[Remedy, ...]:
    return tuple(Remedy(f"Use {plan.display_name} for all", use_plan_id=plan.id) for plan in common_plans(items))


def _names(items: Sequence[CartItem]) -> str:
    return joined([item.product.name for item in items], "and")
