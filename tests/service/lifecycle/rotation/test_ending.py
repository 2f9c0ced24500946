"""The old secret of a rotation ends: by the clock, by its owner, by the next rotation or because it leaked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal import credentials, lifecycle
from portal.accounts import RoleName
from portal.db import db, transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind, OutboxMessage
from tests.service.lifecycle.rotation.rotating import MONDAY, events, opens, rotate, stored, tick
from tests.support.builders import make_user

pytestmark = pytest.mark.usefixtures("app")


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
