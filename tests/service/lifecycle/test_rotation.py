"""Rotating a secret without an outage: two are good for a while, the old one's use is seen, and it ends (C101, T84)."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
import time_machine

from portal import access, credentials, lifecycle, schedule
from portal.accounts import RoleName
from portal.catalog import AuthMethod
from portal.credentials import Credential
from portal.db import db, now, transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import AuditEvent, EventKind, OutboxMessage
from portal.schedule import Timer, TimerState
from portal.timekeeper import TIMERS_ARE_KEPT, Timekeeper
from tests.support.builders import make_plan, make_product, make_request, make_user
from tests.support.programs import make_program
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as travelling:
        yield travelling


@pytest.fixture
def program(clock, app):
    uses = app.extensions["portico.oauth"]["server"].uses
    uses.forget()
    kept, uses.every_seconds = uses.every_seconds, 0
    yield make_program(app, plan=make_plan("Gold", auto_approve=True, overlap_days=7, rotate_every_days=90))
    uses.every_seconds = kept


def rotate(program, **kwargs) -> str:
    with transaction():
        kwargs = {"overlap_days": 7, "by": program.request.requester, **kwargs}
        return lifecycle.rotate(program.request.credential, **kwargs).secret


def stored(program) -> Credential:
    db.session.rollback()
    return db.session.get(Credential, program.request.credential_id)


def opens(program, secret: str) -> bool:
    program.secret, kept = secret, program.secret
    status = program.token().status_code
    program.secret = kept
    return status == 200


def events(kind: EventKind) -> list[AuditEvent]:
    return db.session.query(AuditEvent).filter_by(kind=kind).order_by(AuditEvent.id).all()


def tick(app) -> None:
    keeper = Timekeeper(app, Event())
    keeper._set_notices()
    keeper.fire(lifecycle.SUBJECT, lifecycle.credentials_due, lifecycle.keep_time)


def forget(app) -> None:
    with transaction():
        schedule.forget_finished(older_than=TIMERS_ARE_KEPT)


def test_both_secrets_get_tokens_until_the_overlap_is_over_whether_a_worker_lives_or_not(program, clock):
    old = program.secret
    new = rotate(program)

    assert opens(program, old)
    assert opens(program, new)
    clock.move_to(MONDAY + timedelta(days=7) - timedelta(seconds=1))
    assert opens(program, old)
    clock.move_to(MONDAY + timedelta(days=7))
    assert not opens(program, old)
    assert opens(program, new)
    assert not stored(program).has_old_secret
    assert stored(program).retiring_hash is not None  # nobody has tidied up, and it is closed all the same


def test_both_secrets_may_introspect_and_revoke(program):
    old, new = program.secret, rotate(program)

    for secret in (old, new):
        program.secret = secret
        token = program.access_token()
        assert program.introspect(token)["active"]
        assert program.revoke(token).status_code == 200


def test_api_keys_have_two_secrets_as_well(clock):
    plan = make_plan(auto_approve=True)
    request = make_request(make_user(), make_product(plans=[plan], auth_method=AuthMethod.API_KEY), plan=plan)
    with transaction():
        old = lifecycle.claim(request.credential, by=request.requester)
    with transaction():
        new = lifecycle.rotate(request.credential, overlap_days=7, by=request.requester)

    assert {key.secret[:4] for key in (old, new)} == {"pak_"}
    assert access.entitlement_for(old.client_id, old.secret).is_live
    assert access.entitlement_for(new.client_id, new.secret).is_live
    clock.shift(timedelta(days=7))
    assert access.entitlement_for(old.client_id, old.secret) is None


def test_the_old_secret_can_stop_at_once(program):
    old = program.secret
    new = rotate(program, overlap_days=0)

    assert not opens(program, old)
    assert opens(program, new)
    assert not stored(program).has_old_secret


@pytest.mark.parametrize("days", [-1, 8])
def test_no_overlap_is_longer_than_the_plan_allows(program, days):
    with pytest.raises(Invalid, match="at most 7 days") as refusal:
        rotate(program, overlap_days=days)

    assert refusal.value.field == "overlap_days"
    assert opens(program, program.secret)


def test_the_last_use_of_each_secret_is_noted(program, clock):
    old, new = program.secret, rotate(program)
    clock.shift(timedelta(hours=1))
    opens(program, old)
    assert (stored(program).secret_used_at, stored(program).retiring_used_at) == (None, now())

    clock.shift(timedelta(hours=1))
    opens(program, new)
    held = stored(program)
    assert (held.secret_used_at, held.retiring_used_at) == (now(), now() - timedelta(hours=1))
    assert held.last_used_at == now()


def test_the_use_of_one_secret_does_not_hide_that_of_the_other(program, clock):
    old, new = program.secret, rotate(program)
    opens(program, new)
    clock.shift(timedelta(seconds=5))
    opens(program, old)

    assert stored(program).secret_used_at == MONDAY
    assert stored(program).retiring_used_at == MONDAY + timedelta(seconds=5)


def test_a_use_that_is_written_late_is_of_the_secret_that_was_used(program, app):
    uses = app.extensions["portico.oauth"]["server"].uses
    uses.every_seconds = 3600
    uses.write()
    opens(program, program.secret)
    rotate(program)

    uses.write()

    assert stored(program).secret_used_at is None
    assert stored(program).retiring_used_at == MONDAY


def test_P1_a_token_costs_one_question_and_no_writing_with_two_secrets_too(program, app):
    old, new = program.secret, rotate(program)
    for secret in (old, new, old, new):
        opens(program, secret)  # what is noted once a minute has been noted

    for secret in (old, new):
        with app.app_context(), count_queries() as counted:
            assert opens(program, secret)
        assert len(counted) <= 1  # SQLite's answer may have been kept
        assert not [statement for statement in counted if not statement.startswith("SELECT")]


def test_T3_a_secret_is_compared_with_both_whatever_it_is(program, monkeypatch):
    old, new = program.secret, rotate(program)
    compared: list[int] = []
    compare = hmac.compare_digest

    def count(a, b):
        compared.append(len(a) * 1000 + len(b))
        return compare(a, b)

    monkeypatch.setattr(hmac, "compare_digest", count)
    seen = set()
    for client_id, secret in ((program.id, old), (program.id, new), (program.id, "x"), ("pci_nobody", new), ("\0", "")):
        compared.clear()
        access.entitlement_for(client_id, secret)
        seen.add(tuple(compared))

    assert seen == {(64064, 64064)}


def test_after_48_quiet_hours_the_old_secret_is_said_to_be_safe_to_end(program, clock):
    old = program.secret
    rotate(program)
    opens(program, old)
    assert not stored(program).old_secret_is_quiet

    clock.shift(timedelta(hours=47, minutes=59))
    assert not stored(program).old_secret_is_quiet
    clock.shift(timedelta(minutes=1))
    assert stored(program).old_secret_is_quiet
    opens(program, old)
    assert not stored(program).old_secret_is_quiet


def test_the_old_secret_can_be_ended_before_its_time_once(program):
    old, new = program.secret, rotate(program)
    person = program.request.requester
    with transaction():
        lifecycle.end_old_secret(program.request.credential, by=person)

    assert not opens(program, old)
    assert opens(program, new)
    with pytest.raises(Conflict, match="ended already"), transaction():
        lifecycle.end_old_secret(program.request.credential, by=person)
    (ended,) = events(EventKind.CREDENTIAL_OLD_SECRET_ENDED)
    assert ended.actor == person.email
    assert old not in str(ended.before)


def test_only_the_apps_owner_rotates_and_ends(program):
    rotate(program)
    for other in (make_user(), make_user(RoleName.API_OWNER), make_user(RoleName.ADMINISTRATOR)):
        for act in (lifecycle.end_old_secret, lambda c, by: lifecycle.rotate(c, overlap_days=0, by=by)):
            with pytest.raises(NotAllowed), transaction():
                act(program.request.credential, by=other)


def test_the_clock_forgets_the_old_secret_and_says_so_once(program, clock, app):
    rotate(program)
    clock.shift(timedelta(days=7))
    tick(app)
    tick(app)

    assert stored(program).retiring_hash is None
    (ended,) = events(EventKind.CREDENTIAL_OLD_SECRET_ENDED)
    assert (ended.actor, ended.reason) == ("Portico", "Its time is over.")


def test_a_worker_that_is_killed_while_it_ends_the_old_secret_has_done_nothing(program, clock, app, monkeypatch):
    rotate(program)
    clock.shift(timedelta(days=7))

    def die(*_, **__):
        raise ZeroDivisionError

    with monkeypatch.context() as dying:
        dying.setattr(credentials.rotation, "record", die)
        tick(app)
    assert stored(program).retiring_hash is not None
    tick(app)

    assert stored(program).retiring_hash is None
    assert len(events(EventKind.CREDENTIAL_OLD_SECRET_ENDED)) == 1


def test_rotated_again_the_older_secret_ends(program, clock):
    first = program.secret
    second = rotate(program)
    opens(program, second)
    clock.shift(timedelta(days=1))
    assert not credentials.keeps_older_secret(stored(program))

    third = rotate(program)

    assert not opens(program, first)
    assert opens(program, second)
    assert opens(program, third)
    assert stored(program).retiring_until == MONDAY + timedelta(days=8)
    assert [event.reason for event in events(EventKind.CREDENTIAL_OLD_SECRET_ENDED)] == [
        "The secret was rotated again."
    ]


def test_a_new_secret_that_was_lost_before_its_first_use_makes_way_and_the_one_in_use_stays(program, clock):
    first = program.secret
    lost = rotate(program)
    opens(program, first)
    clock.shift(timedelta(days=1))
    assert credentials.keeps_older_secret(stored(program))

    third = rotate(program)

    assert opens(program, first)
    assert opens(program, third)
    assert not opens(program, lost)
    assert stored(program).retiring_until == MONDAY + timedelta(days=7)  # it gains no time by that


def test_of_two_clicks_the_second_is_refused_and_no_secret_is_lost(program):
    first, seen = program.secret, stored(program).secret_made_at
    second = rotate(program, seen=seen)
    program.app.extensions["portico.oauth"]["server"].uses.write()
    with transaction():
        stored(program).secret_made_at = seen + timedelta(seconds=1)

    with pytest.raises(Conflict, match="a moment ago"):
        rotate(program, seen=seen)

    assert opens(program, first)
    assert opens(program, second)


def test_a_leaked_secret_is_stopped_and_the_other_goes_on(program):
    first, second = program.secret, rotate(program)
    opens(program, second)
    with transaction():
        credentials.rotate_leaked(
            program.request.credential, credentials.hash_secret(second), reason="Found in public."
        )

    assert opens(program, first)
    assert not opens(program, second)
    assert stored(program).lost_its_secret
    third = rotate(program)
    assert opens(program, first)  # it was good before and stays so until its own time
    assert opens(program, third)


def test_a_leaked_old_secret_is_stopped_and_the_new_one_goes_on(program):
    first, second = program.secret, rotate(program)
    with transaction():
        credentials.rotate_leaked(program.request.credential, credentials.hash_secret(first), reason="Found in public.")

    assert not opens(program, first)
    assert opens(program, second)
    with pytest.raises(Conflict, match="does not work any more"), transaction():
        credentials.rotate_leaked(program.request.credential, credentials.hash_secret(first), reason="Once more.")


def test_an_administrator_can_force_a_rotation_with_a_reason_and_the_owner_hears_of_it(program):
    first, second = program.secret, rotate(program)
    root, stranger = make_user(RoleName.ADMINISTRATOR), make_user()
    for by, error in ((stranger, NotAllowed), (root, Invalid)):
        with pytest.raises(error), transaction():
            lifecycle.stop_secrets(program.request.credential, by=by, reason="")

    with transaction():
        lifecycle.stop_secrets(program.request.credential, by=root, reason="Seen in a ticket.")

    assert not opens(program, first)
    assert not opens(program, second)
    mail = db.session.query(OutboxMessage).filter_by(kind="secret_stopped").one()
    assert mail.recipient == program.request.requester.email
    assert "Seen in a ticket." in mail.payload["text"]
    assert opens(program, rotate(program))


def reminders(program) -> list[tuple[int, bool]]:
    found = events(EventKind.CREDENTIAL_ROTATION_REMINDED)
    return [((event.occurred_at - MONDAY).days, event.after["overdue"]) for event in found]


def test_C101_the_owner_is_reminded_14_and_3_days_before_and_when_it_is_overdue(program, clock, app):
    for day in range(100):
        clock.move_to(MONDAY + timedelta(days=day, minutes=1))
        tick(app)

    assert reminders(program) == [(76, False), (87, False), (90, True)]
    mails = db.session.query(OutboxMessage).filter_by(kind="rotate").order_by(OutboxMessage.id).all()
    assert [mail.recipient for mail in mails] == [program.request.requester.email] * 3
    assert "14 February 2027" in mails[0].payload["text"]
    assert opens(program, program.secret)  # a late rotation breaks nothing


def test_who_lets_a_secret_stand_is_told_each_quarter_and_not_at_every_look(program, clock, app):
    for day in [*range(76, 100), *range(170, 200), *range(265, 285)]:
        clock.move_to(MONDAY + timedelta(days=day, minutes=1))
        for _ in range(2):
            tick(app)
            forget(app)

    assert reminders(program) == [(76, False), (87, False), (90, True), (180, True), (271, True)]


def test_a_rotation_starts_the_schedule_anew(program, clock, app):
    clock.move_to(MONDAY + timedelta(days=80))
    tick(app)
    rotate(program)
    for day in range(81, 180):
        clock.move_to(MONDAY + timedelta(days=day, minutes=1))
        tick(app)

    assert [day for day, _ in reminders(program)] == [80, 156, 167, 170]


def test_two_rotations_on_one_day_lose_no_reminder(program, clock, app):
    with transaction():
        stored(program).plan.rotate_every_days = 10
    for hours in (1, 1, 1):
        clock.shift(timedelta(hours=hours))
        rotate(program)
        tick(app)
    for day in range(1, 12):
        clock.move_to(MONDAY + timedelta(days=day, hours=4))
        tick(app)

    assert reminders(program) == [(7, False), (10, True)]


def test_after_an_outage_one_reminder_tells(program, clock, app):
    clock.move_to(MONDAY + timedelta(days=95))
    tick(app)
    tick(app)

    assert reminders(program) == [(95, True)]


def test_another_schedule_of_the_plan_is_followed(program, clock, app):
    clock.move_to(MONDAY + timedelta(days=75))
    tick(app)
    with transaction():
        stored(program).plan.rotate_every_days = 200
    for day in range(76, 190):
        clock.move_to(MONDAY + timedelta(days=day, minutes=1))
        tick(app)

    assert reminders(program) == [(186, False)]


def test_a_schedule_that_is_shorter_than_the_notice_is_not_announced_at_once(program, clock, app):
    with transaction():
        stored(program).plan.rotate_every_days = 7
    tick(app)
    due = db.session.query(Timer).filter_by(kind="rotate_remind", state=TimerState.ARMED).order_by(Timer.due_at)

    assert [timer.due_at for timer in due] == [MONDAY + timedelta(days=4), MONDAY + timedelta(days=7)]
