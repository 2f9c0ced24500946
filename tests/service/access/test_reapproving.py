"""C130: access that was given before the policy asked for more is found, and approved again or stopped."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from portal import access, catalog, credentials, register
from portal.access import Cause, GrantState, RequestKind, RequestStatus
from portal.accounts import RoleName
from portal.catalog import Classification
from portal.db import db, now, transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind
from tests.support.builders import (
    make_group,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_stage,
    make_user,
)
from tests.support.ends import keep_time, mails, recorded
from tests.support.invariants import hold as hold_invariants
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)
DELICATE = {
    "key": "delicate",
    "because": "Restricted data needs a look by security.",
    "when": {"attribute": "product.classification", "is": "one_of", "value": ["restricted"]},
    "then": {"outcome": "stages", "stages": ["guards"]},
}


class Scene:
    """An access that was given while its product was internal, and a policy that asks more of restricted ones."""

    clock: Any = None

    def __init__(self):
        self.owner = make_user(RoleName.API_OWNER, name="Olivia Owner")
        self.guard = make_user(RoleName.SECURITY_REVIEWER, name="Greta Guard")
        make_stage("guards", "Guards")
        make_group("guards", self.guard)
        make_policy(DELICATE)
        self.plan = make_plan(auto_approve=True, credential_lifetime_days=90)
        self.product = make_product("Payments", plans=[self.plan], owners=[self.owner])
        self.grant = self.given()

    def given(self):
        request = make_request(None, self.product, plan=self.plan)
        with transaction():
            credentials.reveal(request.credential, by=request.requester)
        return access.grants_from(request)[0]

    def raise_classification(self):
        with transaction():
            catalog.change_product(self.product, {"classification": Classification.RESTRICTED}, by=self.owner)

    def press(self, days=14, by=None, note=""):
        with transaction():
            day = now().date() + timedelta(days=days)
            return access.ask_again(self.product, by=by or self.owner, last_day=day, note=note)

    def opens(self, grant=None):
        return bool(access.find_entitlement((grant or self.grant).credential.client_id).openings)


@pytest.fixture
def scene():
    with time_machine.travel(MONDAY, tick=False) as clock:
        made = Scene()
        made.clock = clock
        yield made


def approve(request, by):
    with transaction():
        return access.approve(request, by=by, comment="Looked at.")


def reject(request, by):
    with transaction():
        return access.reject(request, by=by, reason="Too delicate for this app.")


def suspend(grant, by):
    with transaction():
        return access.suspend_access(grant, by=by, reason="Too many calls.")


def resume(grant, by):
    with transaction():
        return access.resume_access(grant, by=by)


def test_access_that_never_had_a_stage_which_the_policy_asks_for_now_is_found(scene):
    assert access.gaps_of(scene.product).found == ()

    scene.raise_classification()

    (gap,) = access.gaps_of(scene.product).found
    assert (gap.grant, gap.stages, gap.can_be_asked) == (scene.grant, ("Guards",), True)
    assert access.gaps_of(scene.product).in_words == (
        "1 access was given without the Guards stage that the policy asks for now."
    )


def test_what_passed_the_stage_once_or_goes_on_from_what_did_is_not_asked_again(scene):
    scene.raise_classification()
    (request,) = scene.press()
    approve(request, scene.guard)

    assert access.gaps_of(scene.product).found == ()

    scene.clock.shift(timedelta(days=80))
    (grant,) = access.grants_from(request)
    with transaction():
        lowered = {"classification": Classification.INTERNAL}
        catalog.change_product(scene.product, lowered, by=scene.owner)
        renewed = access.renew(grant.credential, by=grant.app.owner, days=(30,))
    assert renewed.auto_approved
    scene.raise_classification()
    assert access.gaps_of(scene.product).found == ()


def test_asking_again_leaves_the_access_open_and_asks_those_whom_the_policy_names(scene):
    scene.raise_classification()

    (request,) = scene.press(note="Since the audit.")

    assert (request.kind, request.status, request.requester) == (
        RequestKind.REAPPROVAL,
        RequestStatus.PENDING,
        scene.grant.app.owner,
    )
    assert [stage.key for stage in request.stages] == ["guards"]
    assert request.reason.splitlines() == [
        "The access was given without the Guards stage that the policy asks for now.",
        "Data classification: Internal when the access was given, Restricted now.",
        "Since the audit.",
        "Without a new approval it stops after 16 November 2026.",
    ]
    assert scene.grant.reapprove_by == datetime.combine(now().date() + timedelta(days=15), datetime.min.time(), UTC)
    assert scene.opens()
    (asked,) = recorded(EventKind.REAPPROVAL_ASKED)
    assert (asked.actor, asked.after["request"]) == (scene.owner.email, request.number)
    assert [m.recipient for m in mails("reapproval")] == [scene.grant.app.owner.email]
    assert [m.recipient for m in mails("submitted")] == [scene.guard.email]
    hold_invariants()


def test_pressing_twice_asks_once(scene):
    scene.raise_classification()
    assert len(scene.press()) == 1

    assert scene.press() == []

    assert len(mails("reapproval")) == len(recorded(EventKind.REAPPROVAL_ASKED)) == 1
    (gap,) = access.gaps_of(scene.product).found
    assert (gap.pending.kind, gap.can_be_asked) == (RequestKind.REAPPROVAL, False)


def test_I3_approved_it_goes_on_to_its_old_end_under_the_policy_of_today(scene):
    old_end, secret = scene.grant.ends_at, scene.grant.credential.secret_hash
    scene.raise_classification()
    (request,) = scene.press()

    approve(request, scene.guard)

    (grant,) = access.grants_from(request)
    assert (grant.renews_id, grant.state, grant.ends_at, grant.reapprove_by) == (
        scene.grant.id,
        GrantState.ACTIVE,
        old_end,
        None,
    )
    assert scene.grant.state is GrantState.SUPERSEDED
    assert (grant.credential_id, grant.credential.secret_hash) == (scene.grant.credential_id, secret)
    assert grant.terms["data"]["classification"] == "restricted"
    assert grant.terms["policy_version"] == register.ground_of(grant).decision.policy_version
    assert scene.opens(grant)
    hold_invariants()


def test_rejected_the_access_ends_with_the_reason_and_its_credential_with_it(scene):
    scene.raise_classification()
    (request,) = scene.press()

    reject(request, scene.guard)

    assert (scene.grant.state, scene.grant.revoked_reason) == (GrantState.REVOKED, "Too delicate for this app.")
    assert not scene.grant.credential.is_live
    assert len(recorded(EventKind.ACCESS_REVOKED)) == len(mails("reject")) == 1
    hold_invariants()


def test_rejected_the_other_products_of_the_credential_stay_open(scene):
    other = make_product("Weather", plans=[scene.plan], owners=[scene.owner])
    request = make_request(None, scene.product, other, plan=scene.plan)
    payments, weather = sorted(access.grants_from(request), key=lambda grant: grant.product_id)
    scene.raise_classification()
    (again,) = [r for r in scene.press() if r.app_id == request.app_id]

    reject(again, scene.guard)

    assert (payments.state, weather.state) == (GrantState.REVOKED, GrantState.ACTIVE)
    assert weather.credential.is_live


def test_I15_without_an_answer_it_stops_at_its_hour_and_is_suspended_once(scene):
    scene.raise_classification()
    (request,) = scene.press(days=2)
    grant = scene.grant
    scene.clock.move_to(grant.reapprove_by - timedelta(seconds=1))
    assert scene.opens()

    scene.clock.move_to(grant.reapprove_by)

    assert not scene.opens()  # no worker has run
    assert (grant.state, grant.status, grant.is_live) == (GrantState.ACTIVE, "Suspended", False)
    keep_time()
    keep_time()
    assert (grant.state, grant.suspended_cause) == (GrantState.SUSPENDED, Cause.NOT_REAPPROVED)
    assert request.number in grant.suspended_reason
    (suspended,) = recorded(EventKind.ACCESS_SUSPENDED)
    assert (suspended.actor, suspended.after) == ("Portico", {"cause": "not_reapproved"})
    assert [mail.recipient for mail in mails("suspended")] == [grant.app.owner.email]
    assert request.is_pending  # time decides nothing about it (I10)
    hold_invariants()


def test_what_was_suspended_for_want_of_an_answer_works_again_only_once_it_is_approved(scene):
    scene.raise_classification()
    (request,) = scene.press(days=2)
    scene.clock.shift(timedelta(days=4))
    keep_time()

    with pytest.raises(Conflict, match=f"{request.number} asks for that"):
        resume(scene.grant, scene.owner)
    approve(request, scene.guard)

    (grant,) = access.grants_from(request)
    assert (grant.state, scene.grant.state) == (GrantState.ACTIVE, GrantState.SUPERSEDED)
    assert scene.opens(grant)
    hold_invariants()


def test_what_somebody_suspended_stays_suspended_when_it_is_approved_again(scene):
    scene.raise_classification()
    (request,) = scene.press()
    suspend(scene.grant, scene.owner)

    approve(request, scene.guard)

    (grant,) = access.grants_from(request)
    assert (grant.state, grant.suspended_reason, grant.suspended_cause) == (
        GrantState.SUSPENDED,
        "Too many calls.",
        None,
    )
    assert not scene.opens(grant)
    resume(grant, scene.owner)
    assert scene.opens(grant)


def test_what_was_suspended_meanwhile_is_not_resumed_past_its_day(scene):
    scene.raise_classification()
    scene.press(days=2)
    suspend(scene.grant, scene.owner)

    scene.clock.shift(timedelta(days=4))
    keep_time()
    with pytest.raises(Conflict, match="has to be approved again"):
        resume(scene.grant, scene.owner)

    with transaction():  # what was raised by mistake is lowered again
        catalog.change_product(scene.product, {"classification": Classification.INTERNAL}, by=scene.owner)
    resume(scene.grant, scene.owner)
    assert scene.opens()


def test_a_request_that_expired_changes_no_access_and_can_be_asked_again(scene):
    scene.raise_classification()
    (request,) = scene.press(days=60)
    scene.clock.shift(timedelta(days=40))
    keep_time()
    assert (request.status, scene.grant.state) == (RequestStatus.EXPIRED, GrantState.ACTIVE)
    assert scene.opens()
    scene.clock.shift(timedelta(days=25))
    keep_time()
    assert scene.grant.suspended_cause is Cause.NOT_REAPPROVED

    (again,) = scene.press()

    assert not scene.opens()  # asking alone opens nothing
    approve(again, scene.guard)
    assert scene.opens(access.grants_from(again)[0])
    hold_invariants()


def test_its_people_cannot_withdraw_what_they_have_not_asked_for(scene):
    scene.raise_classification()
    (request,) = scene.press()

    with pytest.raises(Conflict, match="owners of the API"), transaction():
        access.withdraw(request, by=request.requester)


def test_access_revoked_meanwhile_is_not_given_back(scene):
    scene.raise_classification()
    (request,) = scene.press()
    with transaction():
        access.revoke_access(scene.grant, by=scene.owner, reason="Over.")

    with pytest.raises(Conflict, match="has ended"):
        approve(request, scene.guard)
    assert access.gaps_of(scene.product).found == ()


def test_what_the_policy_would_deny_now_is_said_and_not_asked(scene):
    make_policy({**DELICATE, "key": "never", "then": {"outcome": "deny"}}, product=scene.product)
    scene.raise_classification()

    (gap,) = access.gaps_of(scene.product).found
    assert gap.denied
    assert scene.press() == []
    assert "would deny now" in access.gaps_of(scene.product).in_words


def test_what_waits_for_another_answer_or_cannot_be_approved_is_left_alone(scene):
    scene.raise_classification()
    with transaction():
        scene.grant.app.owner.active = False

    (gap,) = access.gaps_of(scene.product).found

    assert "is closed" in gap.hindrance
    assert scene.press() == []


def test_only_the_owners_of_the_product_ask_and_only_for_a_day_to_come(scene):
    scene.raise_classification()
    for nobody in (make_user(RoleName.API_OWNER), make_user(RoleName.AUDITOR), scene.grant.app.owner):
        with pytest.raises(NotAllowed):
            scene.press(by=nobody)
    for days in (0, -1, 500):
        with pytest.raises(Invalid):
            scene.press(days=days)
    assert len(scene.press(by=make_user(RoleName.ADMINISTRATOR))) == 1


def test_it_takes_nothing_of_the_allowance_of_the_apps_owner(scene):
    with transaction():
        scene.plan.allowance_requests, scene.plan.allowance_days = 1, 30
    person = scene.grant.app.owner
    left = access.allowance_left(scene.plan, by=person)
    scene.raise_classification()
    scene.press()

    assert access.allowance_left(scene.plan, by=person) == left


def test_conditions_that_were_set_before_stand_beside_the_new_ones(scene):
    with transaction():
        scene.grant.conditions = ["Only at night."]
    scene.raise_classification()
    (request,) = scene.press()
    with transaction():
        saying = access.Approval("Yes.", conditions=["Keep the data in the EU."])
        access.approve(request, by=scene.guard, saying=saying)

    assert access.grants_from(request)[0].conditions == ["Only at night.", "Keep the data in the EU."]


def test_the_story_of_the_access_says_who_asked_and_what_came_of_it(scene):
    scene.raise_classification()
    (request,) = scene.press()
    approve(request, scene.guard)
    (grant,) = access.grants_from(request)

    told = [(entry.title, entry.by) for entry in register.life_of(grant)]

    assert ("Has to be approved again", "Olivia Owner") in told
    assert access.path_of(request)[-1].detail == "Goes on as it was"
    assert [each.id for each in access.grants_renewed_by(request)] == [scene.grant.id]


def test_many_are_found_by_as_many_queries_as_few(scene):
    scene.raise_classification()
    with count_queries() as few:
        assert len(access.gaps_of(scene.product).found) == 1
    with transaction():
        catalog.change_product(scene.product, {"classification": Classification.INTERNAL}, by=scene.owner)
    for _ in range(6):
        scene.given()
    scene.raise_classification()
    db.session.expire_all()
    with count_queries() as many:
        assert len(access.gaps_of(scene.product).found) == 7

    assert len(many) <= len(few) + 4


def test_what_stands_behind_many_that_lack_nothing_is_found_too(scene, monkeypatch):
    monkeypatch.setattr("portal.access.gaps.AT_A_TIME", 2)
    monkeypatch.setattr("portal.access.gaps.AT_A_GLANCE", 1)
    for _ in range(4):
        scene.given()
    scene.raise_classification()
    for request in scene.press():
        approve(request, scene.guard)
    with transaction():
        catalog.change_product(scene.product, {"classification": Classification.INTERNAL}, by=scene.owner)
    last = [scene.given().id, scene.given().id]
    scene.raise_classification()

    glanced, lacking = access.gaps_of(scene.product, glance=True), access.gaps_of(scene.product)

    assert (glanced.found, glanced.whole) == ((), False)
    assert ([gap.grant.id for gap in lacking.found], lacking.whole) == (last, True)


def test_looking_ends_when_there_is_enough_to_ask(scene, monkeypatch):
    monkeypatch.setattr("portal.access.gaps.AT_A_TIME", 2)
    monkeypatch.setattr("portal.access.gaps.ENOUGH_TO_ASK", 2)
    for _ in range(2):
        scene.given()
    scene.raise_classification()

    lacking = access.gaps_of(scene.product)

    assert (len(lacking.found), lacking.whole) == (2, False)
