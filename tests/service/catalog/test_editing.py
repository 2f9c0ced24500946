"""Making and changing products, plans and catalogues: the rules, the record, and who may."""

from typing import Any

import pytest
from sqlalchemy import select

from portal import catalog
from portal.accounts import RoleName, User
from portal.catalog import ApiProduct, AuthMethod, Catalogue, Plan, PlanState, ProductState
from portal.db import db, transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import AuditEvent, EventKind
from tests.support.builders import make_catalogue, make_plan, make_product, make_user
from tests.support.threads import errors_in, race

pytestmark = pytest.mark.usefixtures("app")


def events(kind: EventKind) -> list[AuditEvent]:
    return list(db.session.scalars(select(AuditEvent).where(AuditEvent.kind == kind).order_by(AuditEvent.id)))


def create_product(by=None, **values):
    with transaction():
        return catalog.create_product({"name": "Payments", **values}, by=by)


def change_product(product, by=None, version=None, **values):
    with transaction():
        return catalog.change_product(product, values, by=by, version=version)


def test_a_new_product_is_a_draft_of_the_owner_who_made_it_and_is_recorded():
    owner = make_user(RoleName.API_OWNER)

    product = create_product(
        owner, summary="Takes money.", tags=["cards", "Cards", "  "], base_url="https://a.example/v1"
    )

    assert (product.slug, product.state, product.owners) == ("payments", ProductState.DRAFT, [owner])
    assert product.tags == ["cards"]
    (event,) = events(EventKind.PRODUCT_CREATED)
    assert (event.actor, event.after["summary"]) == (owner.email, "Takes money.")


def test_a_slug_is_made_from_the_name_and_numbered_when_it_is_taken():
    slugs = [create_product(name="Größe & Maß!").slug for _ in range(3)]

    assert slugs == ["grosse-mass", "grosse-mass-2", "grosse-mass-3"]
    assert create_product(name="日本").slug == "api-product"


def test_a_slug_that_is_taken_is_said_at_its_field():
    create_product(slug="pay")

    with pytest.raises(Invalid, match="“pay” is taken") as refusal:
        create_product(slug="pay")

    assert refusal.value.field == "slug"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "missing"),
        ("name", "x" * 201, "too long"),
        ("name", "a\x00b", "cannot be shown"),
        ("name", "safe\u202egpj", "cannot be shown"),
        ("name", "\ud800", "cannot be shown"),
        ("summary", "x" * 301, "too long"),
        ("slug", "Not A Slug", "small letters"),
        ("base_url", "javascript:alert(1)", "must be an address"),
        ("base_url", "https://user:password@a.example", "must be an address"),
        ("base_url", "https://", "must be an address"),
        ("scopes", [{"name": "two words"}], "cannot be the name of a scope"),
        ("scopes", [{"name": "a"}, {"name": "a"}], "once"),
        ("tags", [str(n) for n in range(21)], "at most 20"),
        ("auth_method", "telepathy", "choose one"),
        ("version", 7, "cannot be changed here"),
        ("id", 7, "cannot be changed here"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_in_words(field, value, words):
    with pytest.raises(Invalid, match=words) as refusal:
        create_product(**{field: value})

    assert refusal.value.field == field
    assert not db.session.scalars(select(ApiProduct)).all()


def test_owners_must_be_active_api_owners():
    consumer, gone = make_user(name="Cora"), make_user(RoleName.API_OWNER, active=False)

    for person in (consumer, gone):
        with pytest.raises(Invalid, match="not an active API owner"):
            create_product(owners=[person])


def test_only_owners_of_a_product_and_administrators_change_it():
    mine, other = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    admin, auditor, consumer = make_user(RoleName.ADMINISTRATOR), make_user(RoleName.AUDITOR), make_user()
    product, nobodys = make_product(owners=[mine]), make_product()

    assert [catalog.may_edit_product(product, p) for p in (mine, admin, other, auditor, consumer)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert catalog.may_edit_product(nobodys, other)
    for person in (other, auditor, consumer):
        with pytest.raises(NotAllowed):
            change_product(product, person, summary="Mine now.")
        with pytest.raises(NotAllowed), transaction():
            catalog.change_product_state(product, ProductState.RETIRED, by=person)


def test_a_change_is_recorded_with_before_and_after_and_only_what_changed():
    product = make_product("Old name")

    change_product(product, name="New name", summary="What it does.", auth_method=AuthMethod.OAUTH2)

    (event,) = events(EventKind.PRODUCT_CHANGED)
    assert (event.before, event.after) == ({"name": "Old name"}, {"name": "New name"})
    assert product.sort_name == "new name"
    change_product(product, name="New name")
    assert len(events(EventKind.PRODUCT_CHANGED)) == 1


def test_R10_a_product_changed_meanwhile_is_a_conflict_also_when_only_owners_changed():
    owner, product = make_user(RoleName.API_OWNER), make_product()
    seen = product.version

    change_product(product, owners=[owner], version=seen)

    with pytest.raises(Conflict, match="Somebody else"):
        change_product(product, name="Too late", version=seen)
    assert product.name != "Too late"


def test_products_are_put_into_catalogues_and_out_again():
    first, second = make_catalogue("A"), make_catalogue("B")
    product = create_product(catalogues=[first, second])

    assert catalog.catalogues_of(product) == [first, second]
    change_product(product, catalogues=[second])

    assert catalog.catalogues_of(product) == [second]
    (event,) = events(EventKind.PRODUCT_CHANGED)
    assert (event.before, event.after) == ({"catalogues": ["A", "B"]}, {"catalogues": ["B"]})


def test_states_move_as_drawn_and_leave_their_trace():
    product = create_product()
    for state in (ProductState.PUBLISHED, ProductState.DEPRECATED, ProductState.RETIRED, ProductState.PUBLISHED):
        with transaction():
            catalog.change_product_state(product, state, by=None, reason="Because.")

    with pytest.raises(Conflict, match="cannot become draft"), transaction():
        catalog.change_product_state(product, ProductState.DRAFT, by=None)
    trail = events(EventKind.PRODUCT_STATE_CHANGED)
    assert [event.after["state"] for event in trail] == ["published", "deprecated", "retired", "published"]
    assert {event.reason for event in trail} == {"Because."}


def test_T17_T18_a_plan_keeps_all_its_terms():
    manager = make_user(RoleName.PLAN_MANAGER)
    with transaction():
        plan = catalog.create_plan(
            {
                "name": "gold-production",
                "display_name": "Gold",
                "quota_requests": 1000,
                "quota_period": "day",
                "rate_requests": 5,
                "rate_seconds": 10,
                "credential_lifetime_days": None,
                "token_lifetime_seconds": 600,
                "scopes": ["a:read"],
                "auto_approve": True,
                "reason_required": True,
                "allowance_requests": 3,
                "allowance_days": 7,
            },
            by=manager,
        )

    assert (plan.slug, plan.label, plan.state, plan.auto_approve) == ("gold-production", "Gold", PlanState.ACTIVE, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quota_requests", -1),
        ("quota_requests", 0),
        ("quota_requests", 2**31),
        ("quota_requests", True),
        ("rate_requests", -5),
        ("rate_seconds", 0),
        ("rate_seconds", None),
        ("credential_lifetime_days", -1),
        ("token_lifetime_seconds", 0),
        ("token_lifetime_seconds", 10**9),
        ("allowance_requests", 0),
        ("quota_period", "fortnight"),
        ("scopes", ["a b"]),
        ("state", "sleeping"),
    ],
)
def test_a_plan_with_limits_out_of_bounds_is_refused(field, value):
    with pytest.raises(Invalid) as refusal, transaction():
        catalog.create_plan({"name": "Gold", field: value}, by=None)

    assert refusal.value.field == field


def test_only_plan_managers_and_administrators_let_a_plan_approve_by_itself():
    owner, manager, plan = make_user(RoleName.API_OWNER), make_user(RoleName.PLAN_MANAGER), make_plan()

    with pytest.raises(NotAllowed, match="Only plan managers"), transaction():
        catalog.change_plan(plan, {"auto_approve": True}, by=owner)
    with pytest.raises(NotAllowed), transaction():
        catalog.create_plan({"name": "Sneaky", "auto_approve": True}, by=owner)
    with transaction():
        catalog.change_plan(plan, {"description": "More.", "auto_approve": False}, by=owner)
        catalog.change_plan(plan, {"auto_approve": True}, by=manager)

    assert plan.auto_approve
    assert events(EventKind.PLAN_CHANGED)[-1].before == {"auto_approve": False}


def test_C83_only_plan_managers_and_administrators_let_access_go_on_without_an_end():
    owner, manager, administrator = map(make_user, (RoleName.API_OWNER, RoleName.PLAN_MANAGER, RoleName.ADMINISTRATOR))
    plan = make_plan(credential_lifetime_days=90)

    for change in (
        lambda: catalog.change_plan(plan, {"credential_lifetime_days": None}, by=owner),
        lambda: catalog.create_plan({"name": "For ever"}, by=owner),
        lambda: catalog.create_plan({"name": "For ever", "credential_lifetime_days": None}, by=owner),
    ):
        with pytest.raises(Invalid, match="without an end") as refusal, transaction():
            change()
        assert refusal.value.field == "credential_lifetime_days"
    with transaction():
        catalog.change_plan(plan, {"credential_lifetime_days": 30}, by=owner)
        catalog.change_plan(plan, {"credential_lifetime_days": None}, by=manager)
        catalog.change_plan(plan, {"description": "More.", "credential_lifetime_days": None}, by=owner)
        catalog.create_plan({"name": "For ever"}, by=administrator)

    assert plan.credential_lifetime_days is None


def test_R10_two_who_edit_one_plan_the_second_is_told():
    plan, manager = make_plan(), make_user(RoleName.PLAN_MANAGER)
    seen = plan.version
    with transaction():
        catalog.change_plan(plan, {"quota_requests": 10}, by=manager, version=seen)

    with pytest.raises(Conflict, match="Somebody else"), transaction():
        catalog.change_plan(plan, {"quota_requests": 20}, by=manager, version=seen)

    assert plan.quota_requests == 10


def test_a_plans_name_that_is_taken_is_said_at_its_field():
    make_plan("Gold")
    other = make_plan("Silver")

    with pytest.raises(Invalid, match="taken") as refusal, transaction():
        catalog.change_plan(other, {"name": "Gold"}, by=None)

    assert refusal.value.field == "name"


def test_a_catalogue_takes_products_and_plans_and_T10_is_gone_at_once():
    owner, product, plan = make_user(RoleName.API_OWNER), make_product(catalogue=make_catalogue()), make_plan()
    with transaction():
        shelf = catalog.create_catalogue({"name": "Partners", "products": [product], "plans": [plan]}, by=owner)
    assert catalog.find_visible_product(product.slug, catalogue_slug="partners")
    seen = shelf.version
    with transaction():
        catalog.change_catalogue(shelf, {"slug": "friends", "products": [product], "plans": []}, by=owner, version=seen)

    assert catalog.find_visible_product(product.slug, catalogue_slug="partners") is None
    assert catalog.find_visible_product(product.slug, catalogue_slug="friends")
    assert not catalog.offers_of(product)
    with transaction():
        catalog.delete_catalogue(shelf, by=owner)

    assert catalog.find_visible_product(product.slug, catalogue_slug="friends") is None
    assert events(EventKind.CATALOGUE_DELETED)[0].before["name"] == "Partners"


def test_R10_a_catalogue_whose_products_changed_meanwhile_is_a_conflict():
    shelf, product = make_catalogue(), make_product(catalogue=make_catalogue())
    seen = shelf.version
    with transaction():
        catalog.change_catalogue(shelf, {"products": [product]}, by=None, version=seen)

    with pytest.raises(Conflict), transaction():
        catalog.change_catalogue(shelf, {"products": []}, by=None, version=seen)

    assert shelf.products == [product]


def test_consumers_and_auditors_change_nothing():
    for person in (make_user(), make_user(RoleName.AUDITOR), make_user(RoleName.SECURITY_REVIEWER)):
        for act in (
            lambda by: catalog.create_product({"name": "X"}, by=by),
            lambda by: catalog.create_plan({"name": "X"}, by=by),
            lambda by: catalog.create_catalogue({"name": "X"}, by=by),
        ):
            with pytest.raises(NotAllowed), transaction():
                act(person)


@pytest.mark.parametrize("kind", ["product", "plan", "catalogue"])
def test_R14_the_same_slug_at_once_one_is_made_and_the_others_are_told(kind):
    create: Any = {
        "product": catalog.create_product,
        "plan": catalog.create_plan,
        "catalogue": catalog.create_catalogue,
    }[kind]
    model: Any = {"product": ApiProduct, "plan": Plan, "catalogue": Catalogue}[kind]
    owner_id = make_user(RoleName.ADMINISTRATOR).id

    def make(_number):
        with transaction():
            return create({"name": "Same", "slug": "same"}, by=db.session.get(User, owner_id)).slug

    results = race(6, make)

    assert results.count("same") == 1
    assert all(isinstance(error, Conflict | Invalid) and "taken" in str(error) for error in errors_in(results))
    assert len(db.session.scalars(select(model.id)).all()) == 1
