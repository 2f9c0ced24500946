"""The small house in which random lives are lived: its people, policies, stages, and requests under way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as some
from sqlalchemy import select

from portal import access, forms
from portal.access import (
    CartItem,
)
from portal.accounts import RoleName, User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, Environment, Plan, offers_of
from portal.db import db, transaction
from portal.policies import PolicyState, PolicyVersion, StageTemplate, StageTemplateRow
from portal.policies.rules import content_hash
from portal.policies.stages import Quorum, QuorumMode
from tests.support.builders import make_app, make_group, make_plan, make_product, make_user

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
EXPOSURES = ("none", "internal", "customer", "sensitive")
ROLES = (RoleName.API_OWNER, RoleName.SECURITY_REVIEWER, RoleName.REVIEWER)
FIELD = {
    "key": "risk",
    "label": "Data",
    "type": "choice",
    "required": True,
    "feeds": "exposure",
    "choices": [{"value": value, "label": value} for value in EXPOSURES],
}
any_number = some.integers(0, 40)
mostly = some.sampled_from((True, True, True, False))
WAYS_ON = ("recuse", "reassign", "claim", "release")


def wants(key, attribute, value, *stages, outcome="stages"):
    then = {"outcome": outcome, "stages": list(stages)} if outcome == "stages" else {"outcome": outcome}
    when = {"attribute": attribute, "is": "equals", "value": value}
    return {"key": key, "because": "So it is.", "when": when, "then": then}


POLICIES: tuple[dict[str, Any], ...] = (
    {"rules": [], "order": []},
    {
        "rules": [
            wants("prod", "environment", "prod", "owner", "security"),
            wants("customer", "exposure", "customer", "board", "legal"),
            wants("sensitive", "exposure", "sensitive", "panel"),
        ],
        "order": [["owner"], ["security", "board", "panel"], ["legal"]],
    },
    {
        "rules": [
            wants("auto", "exposure", "none", outcome="auto"),
            wants("never", "exposure", "sensitive", outcome="deny"),
            wants("all", "environment", "prod", "everyone"),
            wants("test", "environment", "test", "board", "panel"),
        ],
        "order": [["board"], ["owner", "everyone"], ["panel"]],
    },
    {
        "rules": [
            wants("internal", "exposure", "internal", "legal", "security"),
            wants("dev", "environment", "dev", "it"),
        ],
        "order": [["legal"], ["security"], ["owner"], ["it"]],
    },
)
STAGES = (
    StageTemplate("board", "Board", ({"kind": "group", "key": "board"},), quorum=Quorum(2)),
    StageTemplate(
        "panel",
        "Panel",
        ({"kind": "group", "key": "board"}, {"kind": "group", "key": "legal"}),
        quorum=Quorum(1, QuorumMode.PER_GROUP),
    ),
    StageTemplate("everyone", "Everyone", ({"kind": "group", "key": "legal"},), quorum=Quorum(1, QuorumMode.ALL)),
    StageTemplate(
        "it",
        "IT",
        ({"kind": "group", "key": "board"},),
        fallback=({"kind": "role", "role": "security_reviewer"},),
        delegation_allowed=False,
    ),
)


def make_world() -> None:
    """A small house: two who ask, of whom one owns a product too, and all who may answer."""
    asker, both = make_user(name="Asker"), make_user(RoleName.CONSUMER, RoleName.API_OWNER, name="Both")
    owner, other = (make_user(RoleName.API_OWNER) for _ in range(2))
    security = [make_user(RoleName.SECURITY_REVIEWER) for _ in range(2)]
    admin, author = (make_user(RoleName.ADMINISTRATOR) for _ in range(2))
    members = [make_user() for _ in range(3)]
    make_group("board", *members, security[0])
    make_group("legal", members[0], owner)
    plan, lower = make_plan(credential_lifetime_days=90), make_plan(credential_lifetime_days=30)
    first = make_product(plans=[plan, lower], owners=[owner, both])
    second = make_product(plans=[plan, lower], owners=[other])
    for person in (asker, both):
        make_app(person)
        make_app(person)
    with transaction():
        for stage in STAGES:
            db.session.add(StageTemplateRow(key=stage.key, body=stage.as_json()))
        form = forms.create_form("Data", [FIELD], by=None)
        forms.activate_form(form, by=None)
        for product in (first, second):
            forms.choose_form(product, form.key, by=None)
        for number, rules in enumerate(POLICIES, 1):
            db.session.add(
                PolicyVersion(
                    number=number,
                    state=PolicyState.IN_REVIEW,
                    rules=rules,
                    content_hash=content_hash(rules),
                    author=author,
                    approver=admin,
                )
            )
        admin = db.session.get(User, admin.id)
        access.set_envelope(
            access.EnvelopeTerms(
                name="Night",
                product=db.session.get(ApiProduct, second.id),
                plan=db.session.get(Plan, plan.id),
                scopes=[],
                most_minutes=240,
                people=[db.session.get(User, asker.id)],
            ),
            by=admin,
        )
        next(
            iter(db.session.scalars(select(PolicyVersion).where(PolicyVersion.number == 2)))
        ).state = PolicyState.ACTIVE
    places = zip(db.session.scalars(select(DeveloperApp.id)).all(), Environment, strict=False)
    for (app_id, where), risk in zip([*places], EXPOSURES[1:], strict=True):
        with transaction():
            ask_for(db.session.get(DeveloperApp, app_id), [first, second], db.session.get(Plan, plan.id), where, risk)


def ask_for(app, products, plan, where, risk):
    """Submit a cart of these products."""
    by = app.owner
    offers = [o for product in products for o in offers_of(product) if o.plan.id == plan.id]
    for item in db.session.scalars(select(CartItem).where(CartItem.user_id == by.id)):
        db.session.delete(item)
    db.session.flush()
    db.session.expire_all()
    for offer in offers:
        access.add_to_cart(offer, by=by)
    ids = access.form_of(access.cart_of(by), where).form_ids
    return access.submit(app, by=by, reason="For us.", environment=where, answers={"risk": risk}, form_ids=ids)
