"""Notices before access ends: each once, at its time, one mail for a credential, and none where none is due."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import time_machine

from portal import access, credentials, lifecycle, timekeeper
from portal.access import Grant, Narrowing
from portal.accounts import RoleName
from portal.db import db, now, transaction
from portal.events import EventKind
from portal.schedule import Timer
from tests.support.builders import fill_cart, make_plan, make_product, make_user
from tests.support.ends import MONDAY, hold, keep_time, mails, recorded

pytestmark = pytest.mark.usefixtures("app")
DAYS = (30, 14, 7, 1)


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as travelling:
        yield travelling


def days_of_notices(clock, days: int) -> list[int]:
    """On which of the next days a notice goes out, when the worker looks every half day."""
    found, before = [], len(mails("access_ending"))
    for hour in range(0, days * 24 + 1, 12):
        clock.move_to(MONDAY + timedelta(hours=hour))
        keep_time()
        if len(mails("access_ending")) > before:
            before = len(mails("access_ending"))
            found.append(hour // 24)
    return found


def test_C75_notices_go_out_at_30_14_7_and_1_days_each_once(clock):
    asked = hold(45)

    assert days_of_notices(clock, 44) == [15, 31, 38, 44]

    told = mails("access_ending")
    assert {message.recipient for message in told} == {asked.requester.email}
    assert [message.subject.split(" in ")[-1] for message in told] == ["30 days", "14 days", "7 days", "1 day"]
    assert f"/apps/{asked.app_id}/credentials/{asked.credential_id}/renew" in told[0].payload["text"]
    assert len(recorded(EventKind.EXPIRY_NOTICED)) == 4


def test_a_short_access_gets_the_notices_that_fit(clock):
    hold(10)

    assert days_of_notices(clock, 9) == [3, 9]


def test_access_of_a_day_or_without_an_end_gets_none(clock):
    hold(1)
    hold(None)

    assert days_of_notices(clock, 3) == []


def test_C5_after_an_outage_only_the_latest_notice_goes_out(clock):
    hold(45)
    keep_time()
    clock.shift(timedelta(days=39))  # three have come due

    keep_time()
    keep_time()

    assert [message.subject.split(" in ")[-1] for message in mails("access_ending")] == ["6 days"]


def test_an_outage_before_anything_was_planned_is_no_storm_either(clock):
    hold(45)
    clock.shift(timedelta(days=39))

    keep_time()

    assert len(mails("access_ending")) == 1


def test_one_mail_lists_all_that_ends_on_a_credential(clock):
    plan = make_plan(auto_approve=True, credential_lifetime_days=45)
    products = [make_product(name, plans=[plan]) for name in ("Payments API", "Weather API")]
    hold(None, *products, plan=plan)
    clock.shift(timedelta(days=16))

    keep_time()

    (message,) = mails("access_ending")
    assert "Payments API, Weather API: 17 December 2026, 09:00 UTC" in message.payload["text"]


def test_an_access_that_ends_before_its_credential_has_notices_of_its_own(clock):
    owner = make_user(RoleName.API_OWNER)
    plan = make_plan(credential_lifetime_days=300)
    asked = hold(None, make_product(plans=[plan], owners=[owner]), plan=plan)
    with transaction():
        until = Narrowing(until=date(2026, 11, 12))
        access.approve(asked, by=owner, saying=access.Approval(less=until))
        credentials.reveal(asked.credential, by=asked.requester)

    assert days_of_notices(clock, 11) == [4, 10]  # the access ends with the 12th, on the 13th at midnight


def test_a_product_that_is_added_later_ends_with_the_others_and_is_listed(clock):
    plan = make_plan(auto_approve=True, credential_lifetime_days=45)
    asked = hold(None, make_product("Payments API", plans=[plan]), plan=plan)
    clock.shift(timedelta(days=20))
    keep_time()
    fill_cart(asked.requester, make_product("Weather API", plans=[plan]), plan=plan)
    with transaction():
        access.submit(asked.app, by=asked.requester, credential=asked.credential)
    clock.shift(timedelta(days=12))
    keep_time()

    first, second = mails("access_ending")
    assert "Weather API" not in first.payload["text"]
    assert "Payments API, Weather API" in second.payload["text"]


def test_what_was_revoked_meanwhile_is_told_nobody(clock):
    asked = hold(45)
    keep_time()
    with transaction():
        access.revoke_credential(asked.credential, by=asked.requester, reason="Not needed.")
    clock.shift(timedelta(days=16))

    keep_time()

    assert mails("access_ending") == []


def test_an_end_that_moved_gets_notices_of_its_own_and_the_old_ones_say_nothing(clock):
    asked = hold(31)
    keep_time()
    with transaction():
        (grant,) = access.grants_from(asked)
        asked.credential.expires_at = grant.ends_at = now() + timedelta(days=60)

    assert days_of_notices(clock, 59) == [30, 46, 53, 59]


def test_a_suspended_access_is_told_too_for_its_time_runs_on(clock):
    asked = hold(10)
    with transaction():
        (grant,) = access.grants_from(asked)
        grant.move_to(access.GrantState.SUSPENDED)

    assert days_of_notices(clock, 9) == [3, 9]


def test_an_owner_who_left_gets_no_mail_and_nothing_breaks(clock):
    asked = hold(10)
    with transaction():
        asked.requester.active = False

    assert days_of_notices(clock, 4) == []
    assert len(recorded(EventKind.EXPIRY_NOTICED)) == 1


def test_another_setting_is_in_force_at_once(clock, app, monkeypatch):
    settings = app.config["PORTICO"]
    monkeypatch.setattr(settings, "expiry_notice_days", "20,2")
    monkeypatch.delitem(settings.__dict__, "notice_days", raising=False)
    hold(45)
    try:
        assert days_of_notices(clock, 44) == [25, 43]
    finally:
        settings.__dict__.pop("notice_days", None)


def test_very_many_are_set_in_several_transactions(clock, monkeypatch):
    monkeypatch.setattr(timekeeper, "SET_AT_ONCE", 2)
    for _ in range(3):
        hold(20)

    keep_time()

    assert db.session.query(Timer).filter_by(kind="expiry_notice").count() == 9


def test_what_was_set_before_is_not_set_again(clock):
    hold(20)
    keep_time()
    timers = db.session.query(Timer).filter_by(kind="expiry_notice").count()

    assert timers == 3
    assert lifecycle.notices_to_set(DAYS) == []


def test_looking_for_what_ends_soon_takes_two_questions_however_much_it_is(clock, app):
    from tests.support.queries import count_queries

    plan = make_plan(auto_approve=True, credential_lifetime_days=20)
    product = make_product(plans=[plan])
    for _ in range(4):
        hold(None, product, plan=plan)
    db.session.rollback()

    with count_queries() as counted:
        found = lifecycle.notices_to_set(DAYS)

    assert len(found) == 12
    assert len(counted) <= 2


def test_an_emergency_is_hours_long_and_gets_none_of_this(clock):
    asked = hold(10)
    with transaction():
        asked.kind = access.RequestKind.BREAK_GLASS

    assert days_of_notices(clock, 9) == []
    assert db.session.query(Timer).filter_by(kind="expiry_notice").count() == 0
    clock.shift(timedelta(days=2))
    keep_time()
    assert mails("access_ended") == []
    assert db.session.query(Grant).one().status == "Expired"
