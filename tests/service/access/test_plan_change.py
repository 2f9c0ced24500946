"""Another plan on the same credential: asked for by a request, in force when it is approved, all at once (T48-T51)."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import access, catalog, credentials
from portal.access import Approval, Grant, GrantState, Narrowing, RequestKind, RequestStatus
from portal.accounts import RoleName
from portal.catalog import AuthMethod
from portal.db import db, now, transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import AuditEvent, EventKind, OutboxMessage
from tests.support.builders import (
    demanding,
    fill_cart,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_user,
)

pytestmark = pytest.mark.usefixtures("app")
OPENAPI = "openapi: 3.0.3\ninfo: {title: Weather, version: 0.0.0}\npaths: {}\n"


class Scene:
    """An app with two products on one credential, and another plan on which both are offered."""

    def __init__(self, **gold):
        self.owner = make_user(RoleName.API_OWNER)
        self.silver = make_plan("Silver", auto_approve=True, quota_requests=100, credential_lifetime_days=30)
        self.gold = make_plan("Gold", **{"quota_requests": 9000, "credential_lifetime_days": 90, **gold})
        self.products = [make_product(plans=[self.silver, self.gold], owners=[self.owner]) for _ in range(2)]
        request = make_request(None, *self.products, plan=self.silver)
        self.person, self.app, self.credential = request.requester, request.app, request.credential
        with transaction():
            credentials.reveal(self.credential, by=self.person)

    def ask(self, plan=None, *, by=None, reason="We grow.", **kwargs):
        with transaction():
            plan, by = plan or self.gold, by or self.person
            return access.ask_plan_change(self.credential, plan, by=by, reason=reason, **kwargs)

    def approve(self, request, **kwargs):
        with transaction():
            return access.approve(request, by=self.owner, **kwargs)

    @property
    def grants(self):
        return [g for g in access.grants_of(self.app) if g.is_held]

    @property
    def opened(self):
        return access.find_entitlement(self.credential.client_id).scopes


@pytest.fixture
def scene():
    return Scene()


def kinds_about(thing):
    query = select(AuditEvent.kind).where(
        AuditEvent.subject_type == thing.__tablename__, AuditEvent.subject_id == thing.id
    )
    return list(db.session.scalars(query.order_by(AuditEvent.id)))


def test_T48_T49_until_it_is_approved_the_old_terms_stay_in_force(scene):
    before = [(g.id, g.state, g.terms, g.ends_at) for g in scene.grants]
    opened = scene.opened

    request = scene.ask()

    assert (request.kind, request.status) == (RequestKind.PLAN_CHANGE, RequestStatus.PENDING)
    assert request.credential == scene.credential
    assert set(request.products) == set(scene.products)
    assert request.terms["plan"] == "Gold"
    assert [(g.id, g.state, g.terms, g.ends_at) for g in scene.grants] == before
    assert scene.opened == opened
    assert scene.credential.plan == scene.silver


def test_T50_approved_it_replaces_all_access_of_the_credential_and_keeps_the_secret(scene):
    old, secret, opened = scene.grants, scene.credential.secret_hash, scene.opened
    request = scene.ask()

    scene.approve(request)

    assert scene.credential.plan == scene.gold
    assert scene.credential.secret_hash == secret
    assert {g.state for g in old} == {GrantState.SUPERSEDED}
    assert {g.renews_id for g in scene.grants} == {g.id for g in old}
    assert {g.plan for g in scene.grants} == {scene.gold}
    assert {g.terms["quota"][0] for g in scene.grants} == {9000}
    assert {g.request for g in scene.grants} == {request}
    assert scene.opened == opened
    assert abs(scene.credential.expires_at - now() - timedelta(days=90)) < timedelta(minutes=1)
    assert {g.ends_at for g in scene.grants} == {scene.credential.expires_at}


def test_a_credential_that_is_named_after_its_plan_is_named_after_the_new_one(scene):
    assert scene.credential.name == "Silver"

    scene.approve(scene.ask())

    assert db.session.get(credentials.Credential, scene.credential.id).name == "Gold"


def test_a_name_that_somebody_chose_stays(scene):
    with transaction():
        scene.credential.name = "Warehouse"

    scene.approve(scene.ask())

    assert db.session.get(credentials.Credential, scene.credential.id).name == "Warehouse"


def test_I11_each_grant_and_the_credential_get_one_event(scene):
    (first, _) = scene.grants
    scene.approve(scene.ask())

    assert kinds_about(first) == [EventKind.ACCESS_GRANTED, EventKind.ACCESS_SUPERSEDED]
    assert kinds_about(scene.grants[0]) == [EventKind.ACCESS_GRANTED]
    assert kinds_about(scene.credential).count(EventKind.CREDENTIAL_CHANGED) == 1


def test_a_rejection_changes_nothing(scene):
    before = [(g.id, g.state, g.terms, g.ends_at) for g in scene.grants]
    request = scene.ask()

    with transaction():
        access.reject(request, by=scene.owner, reason="Not yet.")

    assert [(g.id, g.state, g.terms, g.ends_at) for g in scene.grants] == before
    assert scene.credential.plan == scene.silver
    assert access.plan_change_of(scene.credential).plans == (scene.gold,)


def test_T48_a_plan_that_approves_by_itself_is_taken_at_once():
    scene = Scene(auto_approve=True)

    request = scene.ask()

    assert request.status is RequestStatus.APPROVED
    assert {g.plan for g in scene.grants} == {scene.gold}


def test_C84_the_policy_judges_a_change_of_plan_as_it_does_any_request():
    scene = Scene(auto_approve=True)
    rule = demanding("security") | {"when": {"attribute": "request.kind", "is": "equals", "value": "plan_change"}}
    make_policy(rule)

    request = scene.ask()

    assert [stage.key for stage in request.stages] == ["security"]
    assert {g.plan for g in scene.grants} == {scene.silver}


def test_T49_the_current_plan_cannot_be_picked_and_nothing_while_one_is_pending(scene):
    assert access.plan_change_of(scene.credential).plans == (scene.gold,)
    with pytest.raises(Conflict, match="not offered"):
        scene.ask(scene.silver)

    request = scene.ask()

    change = access.plan_change_of(scene.credential)
    assert change.plans == ()
    assert change.pending == request
    with pytest.raises(Conflict, match=request.number):
        scene.ask()


def test_only_plans_that_are_offered_for_every_product_can_be_picked(scene):
    alone = make_plan("Alone")
    make_product(plans=[alone])
    from tests.support.builders import make_catalogue

    shelf, other = make_catalogue(), make_plan("Other")
    with transaction():
        shelf.products.append(scene.products[0])
        shelf.plans.append(other)

    assert other not in access.plan_change_of(scene.credential).plans


def test_T48_api_keys_stay_on_their_plan():
    plan, other = make_plan(auto_approve=True), make_plan()
    product = make_product(plans=[plan, other], auth_method=AuthMethod.API_KEY)
    request = make_request(None, product, plan=plan)

    change = access.plan_change_of(request.credential)

    assert change.plans == ()
    assert "API key" in change.refusal


def test_products_wait_while_a_plan_change_is_pending(scene):
    third = make_product(plans=[scene.silver])
    request = scene.ask()
    fill_cart(scene.person, third, plan=scene.silver)

    with pytest.raises(access.CartRejected, match=request.number), transaction():
        access.submit(scene.app, by=scene.person, credential=scene.credential)


def test_a_plan_change_waits_while_products_are_being_added(scene):
    shelf_plan = scene.silver
    with transaction():
        shelf_plan.auto_approve = False
    third = make_product(plans=[shelf_plan])
    fill_cart(scene.person, third, plan=shelf_plan)
    with transaction():
        (request,) = access.submit(scene.app, by=scene.person, credential=scene.credential)

    with pytest.raises(Conflict, match=request.number):
        scene.ask()


def test_suspended_access_cannot_be_had_anew_by_another_plan(scene):
    with transaction():
        access.suspend_access(scene.grants[0], by=scene.owner, reason="Misuse.")
    with pytest.raises(Conflict, match="suspended"):
        scene.ask()
    with transaction():
        access.resume_access(scene.grants[-1], by=scene.owner)

    request = scene.ask()
    with transaction():
        access.suspend_access(scene.grants[0], by=scene.owner, reason="Misuse.")
    with pytest.raises(Conflict, match="suspended"):
        scene.approve(request)
    assert {g.plan for g in scene.grants} == {scene.silver}


def test_what_was_revoked_while_it_waited_is_not_given_again(scene):
    request = scene.ask()
    gone, kept = scene.grants
    with transaction():
        access.revoke_access(gone, by=scene.owner, reason="Misuse.")

    scene.approve(request)

    (grant,) = scene.grants
    assert grant.product == kept.product
    assert gone.state is GrantState.REVOKED
    declined = next(item for item in request.items if item.product == gone.product)
    assert declined.declined
    assert declined.declined_because


def test_nothing_is_given_when_all_of_it_was_revoked(scene):
    request = scene.ask()
    with transaction():
        access.revoke_credential(scene.credential, by=scene.person)

    with pytest.raises(Conflict, match="has ended"):
        scene.approve(request)
    assert scene.grants == []


def test_T50_no_product_of_it_can_be_declined_alone(scene):
    request = scene.ask()
    less = Narrowing(declined={scene.products[0].id: "Not this one."})

    with pytest.raises(Invalid, match="one plan for all"):
        scene.approve(request, saying=Approval(less=less))


def test_I7_narrowed_scopes_stay_taken_away_on_the_next_plan(scene):
    product = scene.products[0]
    read, write = product.scope_names
    request = scene.ask()
    less = Narrowing(scopes={product.id: frozenset({read})})
    scene.approve(request, saying=Approval(less=less))
    assert write not in scene.opened

    back = scene.ask(scene.silver)

    assert back.status is RequestStatus.APPROVED  # this plan approves by itself
    assert read in scene.opened
    assert write not in scene.opened


def test_T51_the_products_owner_asks_in_place_of_the_apps_owner_and_it_is_judged_as_theirs(scene):
    request = scene.ask(by=scene.owner, reason="The old plan is closed.")

    assert request.requester == scene.person
    event = db.session.scalars(
        select(AuditEvent).where(AuditEvent.kind == EventKind.REQUEST_SUBMITTED, AuditEvent.subject_id == request.id)
    ).one()
    assert event.actor == scene.owner.email

    scene.approve(request)
    assert scene.credential.plan == scene.gold


def test_others_cannot_ask(scene):
    for person in (make_user(), make_user(RoleName.API_OWNER), make_user(RoleName.AUDITOR)):
        with pytest.raises(NotAllowed):
            scene.ask(by=person)


def test_T36_the_allowance_of_the_new_plan_counts():
    scene = Scene(allowance_requests=1, allowance_days=30)
    make_request(scene.person, make_product(plans=[scene.gold]), plan=scene.gold)

    with pytest.raises(access.CartRejected, match="quota exceeded"):
        scene.ask()


def test_the_terms_are_a_snapshot_with_a_hash_that_a_later_plan_does_not_change(scene):
    (grant, _) = scene.grants
    assert grant.terms["plan"]["name"] == "Silver"
    assert grant.terms["scopes"] == grant.scopes
    assert grant.terms["ends_at"] == grant.ends_at.isoformat()
    assert len(grant.terms_hash) == 64
    was = dict(grant.terms)

    with transaction():
        scene.silver.quota_requests = 1
    grant = db.session.get(Grant, grant.id)

    assert grant.terms == was
    assert access.is_as_approved(grant)
    with transaction():
        grant.scopes = [*grant.scopes, "more"]
    assert not access.is_as_approved(grant)


def test_the_last_use_goes_along(scene):
    (first, _) = scene.grants
    used = now()
    with transaction():
        first.last_used_at = used

    scene.approve(scene.ask())

    new = next(g for g in scene.grants if g.renews_id == first.id)
    assert new.last_used_at == used


def test_the_requester_hears_that_the_plan_is_another_and_the_secret_the_same(scene):
    scene.approve(scene.ask())

    approvals = select(OutboxMessage).where(OutboxMessage.kind == "approve").order_by(OutboxMessage.id)
    mail = db.session.scalars(approvals).all()[-1]
    assert mail.recipient == scene.person.email
    assert f"{scene.credential.client_id} of your app is on the plan Gold from now on" in mail.payload["text"]
    assert "Reveal" not in mail.payload["text"]


def test_who_decides_sees_what_it_would_take_the_place_of(scene):
    old = scene.grants
    request = scene.ask()
    assert {g.id for g in access.grants_renewed_by(request)} == {g.id for g in old}

    scene.approve(request)

    assert {g.id for g in access.grants_renewed_by(request)} == {g.id for g in old}


def test_C22_the_version_of_an_api_goes_along_until_it_ends(scene):
    product = scene.products[0]
    with transaction():
        for version in ("1.0.0", "2.0.0"):
            given = catalog.read_description(OPENAPI.replace("0.0.0", version).encode())
            catalog.attach_description(product, given, f"{version}.yaml", by=scene.owner, another_version=True)
    request = scene.ask()
    assert {item.product_id: item.api_version for item in request.items}[product.id] == "2.0.0"

    scene.approve(request)

    kept = {grant.product_id: grant.terms["product"].get("version") for grant in scene.grants}
    assert kept == {product.id: "2.0.0", scene.products[1].id: None}


def test_what_has_another_method_than_its_credential_cannot_go_to_another_plan(scene):
    with transaction():
        scene.products[0].auth_method = AuthMethod.API_KEY

    change = access.plan_change_of(scene.credential)

    assert change.plans == ()
    assert scene.products[0].name in change.refusal
