"""Builders make valid things; a test names only what it is about. Each stores its thing at once."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

from flask import current_app
from flask_security.utils import hash_password

from portal import access, accounts, apps, catalog
from portal.access import AccessRequest
from portal.accounts import Organisation, ReviewerGroup, RoleName, User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, AuthMethod, Catalogue, Environment, Offer, Plan, PlanState, ProductState
from portal.db import db, transaction
from portal.policies import PolicyState, PolicyVersion, StageTemplate, StageTemplateRow
from portal.policies.rules import content_hash

PASSWORD = "portico-demo"
_count = itertools.count(1)


def password_hash() -> str:
    """The hash of the password that all made people have, as this application makes it: its secret is part of it."""
    return _hashed(str(current_app.config["SECRET_KEY"]))


@cache
def _hashed(_secret_key: str) -> str:
    return str(hash_password(PASSWORD))


def make_user(*roles: RoleName, email: str = "", name: str = "", organisation: str = "Acme", **kwargs: Any) -> User:
    """A confirmed person; a consumer unless roles are named."""
    number = next(_count)
    with transaction():
        person = accounts.add_person(
            email or f"person{number}@acme.example",
            name=name or f"Person {number}",
            roles=roles or (RoleName.CONSUMER,),
            organisation=accounts.organisation_named(organisation),
            password_hash=password_hash(),
        )
        for field, value in kwargs.items():
            setattr(person, field, value)
    return person


def make_organisation(name: str = "") -> Organisation:
    """An organisation."""
    with transaction():
        return accounts.organisation_named(name or f"Organisation {next(_count)}")


def make_plan(name: str = "", **kwargs: Any) -> Plan:
    """An active plan that needs an owner's approval."""
    number = next(_count)
    name = name or f"Plan {number}"
    with transaction():
        plan = Plan(slug=f"plan-{number}", name=name, display_name=name, **{"state": PlanState.ACTIVE, **kwargs})
        db.session.add(plan)
    return plan


def make_product(
    name: str = "",
    *,
    plans: list[Plan] | None = None,
    owners: list[User] | None = None,
    catalogue: Catalogue | None = None,
    auth_method: AuthMethod = AuthMethod.OAUTH2,
    state: ProductState = ProductState.PUBLISHED,
    scopes: tuple[str, ...] = ("read", "write"),
    **kwargs: Any,
) -> ApiProduct:
    """A published product in a catalogue (``General`` unless named), offered on these plans."""
    number = next(_count)
    with transaction():
        product = ApiProduct(
            slug=f"product-{number}",
            name=name or f"Product {number}",
            summary="What it does.",
            auth_method=auth_method,
            state=state,
            scopes=[{"name": f"product-{number}:{s}", "description": s} for s in scopes],
            owners=owners or [],
            **kwargs,
        )
        shelf = catalogue or _general()
        shelf.products.append(product)
        for plan in plans or []:
            if plan not in shelf.plans:
                shelf.plans.append(plan)
        db.session.add(product)
        db.session.flush()
        catalog.index_product(product)
    return product


def make_catalogue(name: str = "") -> Catalogue:
    """An empty catalogue."""
    number = next(_count)
    with transaction():
        catalogue = Catalogue(slug=f"catalogue-{number}", name=name or f"Catalogue {number}")
        db.session.add(catalogue)
    return catalogue


def make_app(owner: User, name: str = "", **kwargs: Any) -> DeveloperApp:
    """An app of this person."""
    with transaction():
        return apps.add_app(name or f"App {next(_count)}", by=owner, **kwargs)


def fill_cart(person: User, *products: ApiProduct, plan: Plan) -> None:
    """Put products on a plan in the person's cart, from the first catalogue that offers them."""
    from portal.catalog import offers_of

    with transaction():
        for product in products:
            offer: Offer = next(o for o in offers_of(product) if o.plan.id == plan.id)
            access.add_to_cart(offer, by=person)


def make_request(
    requester: User | None = None,
    *products: ApiProduct,
    plan: Plan | None = None,
    app: DeveloperApp | None = None,
    owner: User | None = None,
    reason: str = "We need it.",
    environment: Environment = Environment.TEST,
) -> AccessRequest:
    """A submitted request: pending when its plan needs an approval, approved when the plan approves by itself."""
    requester = requester or make_user()
    plan = plan or make_plan()
    chosen = products or (make_product(plans=[plan], owners=[owner or make_user(RoleName.API_OWNER)]),)
    app = app or make_app(requester)
    fill_cart(requester, *chosen, plan=plan)
    with transaction():
        (request,) = access.submit(app, by=requester, reason=reason, environment=environment)
    return request


def make_policy(
    *rules: dict[str, Any], order: list[list[str]] | None = None, product: ApiProduct | None = None
) -> PolicyVersion:
    """A policy in force: the global one, or a product's own rules."""
    written = {"rules": list(rules), "order": order or []}
    author, approver = make_user(RoleName.ADMINISTRATOR), make_user(RoleName.ADMINISTRATOR)
    with transaction():
        version = PolicyVersion(
            scope=f"product:{product.id}" if product else "global",
            product=product,
            number=next(_count),
            state=PolicyState.ACTIVE,
            rules=written,
            content_hash=content_hash(written),
            author=author,
            approver=approver,
        )
        db.session.add(version)
    return version


def make_stage(key: str, name: str = "", **template: Any) -> StageTemplate:
    """A stage of this installation, staffed by the group of its key unless ``sources`` say otherwise."""
    sources = template.pop("sources", ({"kind": "group", "key": key},))
    stage = StageTemplate(key, name or key.capitalize(), tuple(sources), **template)
    with transaction():
        db.session.add(StageTemplateRow(key=key, body=stage.as_json()))
    return stage


def demanding(*stages: str, key: str = "always") -> dict[str, Any]:
    """A rule that asks for these stages whatever is asked for."""
    when = {"attribute": "environment", "is": "one_of", "value": ["dev", "test", "prod"]}
    return {
        "key": key,
        "because": "It is the rule.",
        "when": when,
        "then": {"outcome": "stages", "stages": list(stages)},
    }


def make_group(key: str, *members: User) -> ReviewerGroup:
    """A reviewer group of these people; its members can review."""
    with transaction():
        group = accounts.add_group(key, name=key.capitalize(), by=None)
        accounts.set_members(group, members, by=None)
    return group


def _general() -> Catalogue:
    from sqlalchemy import select

    found = db.session.scalar(select(Catalogue).where(Catalogue.slug == "general"))
    if found is None:
        found = Catalogue(slug="general", name="General")
        db.session.add(found)
    return found
