"""Renewal: a request of its own on the terms of now, while the old access goes on to its end (C75, C76)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import time_machine

from portal import access, credentials, forms
from portal.access import (
    AccessRequest,
    Approval,
    CartRejected,
    Grant,
    GrantState,
    Narrowing,
    Renewal,
    RequestKind,
    RequestStatus,
)
from portal.accounts import RoleName, User
from portal.catalog import PlanState, ProductState
from portal.credentials import Credential, CredentialState
from portal.db import db, now, transaction
from portal.errors import Conflict, NotAllowed
from portal.events import EventKind
from tests.support.builders import demanding, make_plan, make_policy, make_product, make_stage, make_user
from tests.support.ends import MONDAY, hold, keep_time, mails, recorded

pytestmark = pytest.mark.usefixtures("app")
DAYS = (30, 14, 7, 1)


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as travelling:
        yield travelling


@pytest.fixture
def owner() -> User:
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def held(clock, owner) -> AccessRequest:
    """Access of 60 days that an owner has approved, 15 days before its end."""
    plan = make_plan("Gold", credential_lifetime_days=60)
    products = [make_product(name, plans=[plan], owners=[owner]) for name in ("Payments API", "Weather API")]
    asked = hold(None, *products, plan=plan, reason="We show prices.")
    with transaction():
        access.approve(asked, by=owner, saying=Approval(conditions=["Use the sandbox first."]))
        credentials.reveal(asked.credential, by=asked.requester)
    clock.shift(timedelta(days=45))
    return asked


def look(asked: AccessRequest) -> Renewal:
    db.session.rollback()
    return access.renewal_of(asked.credential, days=DAYS)


def renew(asked: AccessRequest, **kwargs) -> AccessRequest:
    with transaction():
        kwargs = {"by": asked.requester, "days": DAYS, "reason": asked.reason, **kwargs}
        return access.renew(asked.credential, **kwargs)


def grants(state: GrantState) -> list[Grant]:
    db.session.rollback()
    return db.session.query(Grant).filter_by(state=state).order_by(Grant.id).all()


def test_C76_a_renewal_is_a_request_about_all_that_ends_on_the_same_credential(held):
    request = renew(held)

    assert (request.kind, request.status) == (RequestKind.RENEWAL, RequestStatus.PENDING)
    assert request.credential_id == held.credential_id
    assert [item.product.name for item in request.items] == ["Payments API", "Weather API"]
    assert [item.scopes for item in request.items] == [item.scopes for item in held.items]
    assert (request.reason, request.environment, request.plan_id) == (held.reason, held.environment, held.plan_id)
    assert [grant.state for grant in access.grants_from(held)] == [GrantState.ACTIVE] * 2
    (event,) = [e for e in recorded(EventKind.REQUEST_SUBMITTED) if e.subject_id == request.id]
    assert event.after["kind"] == "renewal"


def test_C76_approval_gives_the_same_credential_and_secret_a_new_end(held, owner):
    request, hash_before = renew(held), held.credential.secret_hash

    with transaction():
        access.approve(request, by=owner)

    assert request.credential_id == held.credential_id
    assert request.credential.secret_hash == hash_before
    assert request.credential.expires_at == now() + timedelta(days=60)
    assert [grant.ends_at for grant in access.grants_from(request)] == [now() + timedelta(days=60)] * 2
    assert [grant.state for grant in access.grants_from(held)] == [GrantState.SUPERSEDED] * 2
    assert [grant.renews_id for grant in access.grants_from(request)] == [g.id for g in access.grants_from(held)]


def test_a_rejected_renewal_changes_nothing(held, owner):
    end, request = held.credential.expires_at, renew(held)

    with transaction():
        access.reject(request, by=owner, reason="No longer.")

    assert held.credential.expires_at == end
    assert [grant.state for grant in access.grants_from(held)] == [GrantState.ACTIVE] * 2
    assert renew(held).is_pending  # and may be asked again


def test_it_is_judged_by_the_policy_in_force_now(held):
    make_stage("legal", "Legal")
    make_policy(demanding("legal"))

    request = renew(held)

    assert [stage.key for stage in request.stages] == ["owner", "legal"]


def test_a_policy_may_judge_renewals_by_themselves(held):
    make_stage("legal", "Legal")
    rule = demanding("legal")
    rule["when"] = {"attribute": "request.kind", "is": "one_of", "value": ["renewal"]}
    make_policy(rule)

    assert [
        stage.key
        for stage in access.foresee_renewal(look(held), by=held.requester, form_ids=[], answers={}).decision.stages
    ] == ["owner", "legal"]
    assert [stage.key for stage in renew(held).stages] == ["owner", "legal"]


def test_a_plan_that_approves_by_itself_renews_at_once_and_keeps_the_conditions(held, clock):
    with transaction():
        held.plan.auto_approve = True

    request = renew(held)

    assert request.status is RequestStatus.APPROVED
    assert [grant.conditions for grant in access.grants_from(request)] == [["Use the sandbox first."]] * 2
    assert len(grants(GrantState.ACTIVE)) == 2


def test_what_a_reviewer_took_away_is_not_asked_for_again(clock, owner):
    plan = make_plan(credential_lifetime_days=30)
    product = make_product(plans=[plan], owners=[owner])
    asked = hold(None, product, plan=plan)
    with transaction():
        less = Narrowing(scopes={product.id: frozenset(asked.items[0].scopes[:1])})
        access.approve(asked, by=owner, saying=Approval(less=less))
        credentials.reveal(asked.credential, by=asked.requester)
    clock.shift(timedelta(days=20))

    assert renew(asked).items[0].scopes == asked.items[0].scopes[:1]


def test_scopes_that_the_plan_no_longer_opens_are_not_asked_for(held):
    product = held.items[0].product
    with transaction():
        held.plan.scopes = [product.scope_names[0], *held.items[1].product.scope_names]

    assert look(held).scopes[product.id] == [product.scope_names[0]]


def test_before_the_first_notice_it_is_too_early_and_says_from_when(clock):
    asked = hold(60)

    with pytest.raises(Conflict, match=r"too early.* 2 December 2026"):
        renew(asked)
    clock.shift(timedelta(days=30))
    assert renew(asked).status is RequestStatus.APPROVED


def test_a_renewed_access_can_be_renewed_again_only_when_it_is_time_again(clock):
    asked = hold(60)
    clock.shift(timedelta(days=40))
    renew(asked)

    with pytest.raises(Conflict, match="too early"):
        renew(asked)


def test_access_that_is_too_short_for_a_notice_can_be_renewed_from_its_start(clock):
    assert renew(hold(1)).status is RequestStatus.APPROVED


def test_after_its_end_it_is_asked_for_anew(clock):
    asked = hold(10)
    clock.shift(timedelta(days=10))

    with pytest.raises(Conflict, match="has ended"):
        renew(asked)


def test_what_does_not_end_is_not_renewed(clock):
    with pytest.raises(Conflict, match="does not end"):
        renew(hold(None))


def test_I1_there_is_one_renewal_at_a_time(held):
    first = renew(held)

    with pytest.raises(Conflict, match=first.number):
        renew(held)
    assert look(held).pending is first


def test_only_the_owner_of_the_app_can_renew(held):
    with pytest.raises(NotAllowed):
        renew(held, by=make_user())


def test_what_has_changed_since_the_page_was_shown_is_not_sent_unseen(held):
    seen = look(held).mark
    with transaction():
        held.plan.quota_requests = 5

    with pytest.raises(Conflict, match="changed"):
        renew(held, seen=seen)


def test_a_plan_that_asks_for_a_reason_asks_again(held):
    with transaction():
        held.plan.reason_required = True

    with pytest.raises(CartRejected, match="reason"):
        renew(held, reason=" ")


def test_a_suspended_access_is_left_out_and_says_so(held, owner):
    with transaction():
        access.grants_from(held)[0].move_to(GrantState.SUSPENDED)

    renewal = look(held)

    assert [item.product.name for item in renewal.items] == ["Weather API"]
    assert [(grant.product.name, why) for grant, why in renewal.left_out] == [("Payments API", "It is suspended.")]


def test_a_product_that_is_no_longer_offered_is_left_out_and_the_others_are_renewed(held):
    with transaction():
        held.items[0].product.state = ProductState.RETIRED

    renewal = look(held)

    assert [item.product.name for item in renewal.items] == ["Weather API"]
    assert "has been retired" in renewal.left_out[0][1]


def test_a_closed_plan_renews_nothing_and_says_what_to_do(held):
    with transaction():
        held.plan.state = PlanState.CLOSED

    with pytest.raises(Conflict, match=r"Gold is no longer offered.*another plan"):
        renew(held)


def test_a_renewal_does_not_count_against_the_allowance_of_the_plan(held):
    with transaction():
        held.plan.allowance_requests, held.plan.allowance_days = 1, 365

    assert renew(held).is_pending
    assert access.allowance_left(held.plan, by=held.requester) == 0  # by the first request alone


def test_an_access_with_another_end_goes_on_by_itself(clock, owner):
    plan = make_plan(credential_lifetime_days=200)
    early, late = (make_product(plans=[plan], owners=[owner]) for _ in range(2))
    asked = hold(None, early, late, plan=plan)
    with transaction():
        access.approve(asked, by=owner)
        credentials.reveal(asked.credential, by=asked.requester)
        first, other = access.grants_from(asked)
        first.ends_at = now() + timedelta(days=20)
        untouched = other.ends_at
    clock.shift(timedelta(days=10))

    request = renew(asked)
    with transaction():
        access.approve(request, by=owner)

    assert [item.product_id for item in request.items] == [early.id]
    (kept,) = [g for g in grants(GrantState.ACTIVE) if g.product_id == late.id]
    assert kept.ends_at == untouched


def test_reviewers_who_take_longer_than_the_access_lasts_still_give_it_on_a_new_credential(held, owner, clock):
    clock.shift(timedelta(days=14))
    request = renew(held)
    clock.shift(timedelta(days=2))
    keep_time()
    assert [grant.state for grant in access.grants_from(held)] == [GrantState.EXPIRED] * 2
    (message,) = mails("access_ended")
    assert request.number in message.payload["text"]

    with transaction():
        access.approve(request, by=owner)

    assert request.credential_id != held.credential_id
    assert request.credential.state is CredentialState.PENDING_REVEAL
    assert [grant.is_live for grant in access.grants_from(request)] == [True, True]
    assert db.session.get(Credential, held.credential_id).state is CredentialState.EXPIRED


def test_a_revoked_credential_is_not_brought_back_by_a_renewal_that_was_under_way(held, owner):
    request = renew(held)
    with transaction():
        access.revoke_credential(held.credential, by=held.requester, reason="Leaked.")

    with pytest.raises(Conflict, match="ended"), transaction():
        access.approve(request, by=owner)
    assert grants(GrantState.ACTIVE) == []


def test_a_reviewer_may_shorten_it(held, owner):
    request = renew(held)
    with transaction():
        access.approve(request, by=owner, saying=Approval(less=Narrowing(until=date(2026, 12, 31))))

    assert {f"{grant.ends_at:%Y-%m-%d}" for grant in access.grants_from(request)} == {"2027-01-01"}


def test_what_the_forms_ask_now_and_was_not_answered_then_is_missing(held):
    product = held.items[0].product
    fields = [
        {"key": "use", "label": "What for", "type": "text", "required": True},
        {"key": "volume", "label": "Calls a day", "type": "number", "required": True},
    ]
    with transaction():
        form = forms.create_form("Questions", fields, by=None, product=product)
        forms.activate_form(form, by=None)
        forms.choose_form(product, form.key, by=None)

    asked = access.form_of_renewal(look(held))
    with pytest.raises(CartRejected) as refused:
        renew(held, answers={"use": "Prices"}, form_ids=asked.form_ids)
    assert [problem.message for problem in refused.value.problems] == ["Calls a day is missing."]

    request = renew(held, answers={"use": "Prices", "volume": "100"}, form_ids=asked.form_ids)
    assert request.answers == {"use": "Prices", "volume": 100}


def test_the_reviewer_sees_what_is_renewed_before_and_after(held, owner):
    request = renew(held)
    before = access.grants_renewed_by(request)
    with transaction():
        access.approve(request, by=owner)

    assert [grant.id for grant in before] == [grant.id for grant in access.grants_from(held)]
    assert [grant.id for grant in access.grants_renewed_by(request)] == [grant.id for grant in before]
    assert access.grants_renewed_by(held) == []
