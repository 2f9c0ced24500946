"""The outbox: leases, retries, outages and dead letters."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
import time_machine

from portal import events
from portal.db import db, now, transaction
from portal.errors import Conflict
from portal.events import Draft, Failed, MessageState, OutboxMessage
from tests.support.builders import make_user

pytestmark = pytest.mark.usefixtures("app")


def make_messages(count: int = 1, *, kind: str = "approve", channel: str = "mail") -> list[int]:
    with transaction():
        made = [
            events.enqueue(channel, Draft(f"p{n}@acme.example", kind, "Subject", {"text": "t", "html": "h"}))
            for n in range(count)
        ]
        db.session.flush()
        return [message.id for message in made]


def claim(worker: str = "one", **kwargs) -> list[OutboxMessage]:
    with transaction():
        return list(events.claim(worker, **kwargs))


def fail(message_id: int, failed: Failed, worker: str = "one") -> None:
    with transaction():
        events.fail(message_id, failed, worker=worker)


def fresh(message_id: int) -> OutboxMessage:
    db.session.rollback()
    found = db.session.get(OutboxMessage, message_id, populate_existing=True)
    assert found is not None
    return found


def test_messages_are_claimed_oldest_first_and_once():
    ids = make_messages(5)

    assert [m.id for m in claim("one", size=3)] == ids[:3]
    assert [m.id for m in claim("two", size=3)] == ids[3:]
    assert claim("one") == []


def test_a_claim_can_be_for_some_channels_only():
    make_messages(1, channel="chat")
    (mail_id,) = make_messages(1)

    assert [m.id for m in claim(channels=["mail"])] == [mail_id]


def test_claimed_messages_can_be_read_without_the_database():
    make_messages()
    (message,) = claim()
    db.session.remove()

    assert message.recipient == "p0@acme.example"
    assert message not in db.session


def test_x13_a_lease_that_ran_out_is_claimed_by_another_and_the_first_changes_nothing():
    (message_id,) = make_messages()
    claim("stuck")
    with time_machine.travel(now() + timedelta(minutes=10), tick=False):
        (taken,) = claim("other")
        assert taken.id == message_id
        with transaction():
            assert events.complete([message_id], worker="stuck") == 0
            events.fail(message_id, Failed("late", permanent=True), worker="stuck")
            assert events.release([message_id], worker="stuck") == 0
            assert events.put_back([message_id], worker="stuck", reason="late") == 0
        assert fresh(message_id).state is MessageState.LEASED
        with transaction():
            assert events.complete([message_id], worker="other") == 1

    message = fresh(message_id)
    assert message.state is MessageState.DONE
    assert message.attempts == 2
    assert message.delivered_at is not None


def test_x13_a_lease_that_has_not_run_out_is_left_alone():
    make_messages()
    claim("slow")

    with time_machine.travel(now() + timedelta(seconds=170), tick=False):
        assert claim("other") == []


def test_a_worker_that_stops_gives_back_what_it_did_not_do():
    (message_id,) = make_messages()
    claim("one")

    with transaction():
        events.forget_leases("one")

    assert [m.id for m in claim("two")] == [message_id]
    assert fresh(message_id).attempts == 1


def test_the_message_id_stays_the_same_at_every_try():
    (message_id,) = make_messages()
    seen = set()
    for attempt in range(4):
        with time_machine.travel(now() + timedelta(hours=2 * attempt), tick=False):
            (message,) = claim()
            seen.add(message.message_id)
            fail(message_id, Failed("451 later"))

    assert len(seen) == 1


def test_a_failure_is_tried_again_later_and_says_why():
    (message_id,) = make_messages()
    claim()

    fail(message_id, Failed("451 later"))

    message = fresh(message_id)
    assert (message.state, message.last_error, message.attempts) == (MessageState.READY, "451 later", 1)


def test_the_other_side_may_name_the_time():
    (message_id,) = make_messages()
    claim()
    with time_machine.travel(now(), tick=False):
        fail(message_id, Failed("busy", retry_after=777))

        assert fresh(message_id).due_at == now() + timedelta(seconds=777)


def test_x5_what_can_never_be_delivered_is_dead_at_once():
    (message_id,) = make_messages()
    claim()

    fail(message_id, Failed("550 No such mailbox", permanent=True))

    assert fresh(message_id).state is MessageState.DEAD
    with time_machine.travel(now() + timedelta(days=30)):
        assert claim() == []


def test_x14_what_fails_again_and_again_is_set_aside_and_the_rest_flow():
    poison, good = make_messages(2)
    tries = 0
    with time_machine.travel(now(), tick=False) as clock:
        while fresh(poison).state is not MessageState.DEAD:
            for message in claim():
                if message.id == poison:
                    tries += 1
                    fail(poison, Failed("it breaks the server"))
                else:
                    with transaction():
                        events.complete([message.id], worker="one")
            clock.shift(timedelta(hours=1))
            assert tries < 50

    assert tries == 12
    assert fresh(good).state is MessageState.DONE


def test_x6_an_outage_kills_nothing_for_days_and_keeps_the_order():
    ids = make_messages(3)
    with time_machine.travel(now(), tick=False) as clock:
        for _ in range(100):
            claimed = claim()
            assert [m.id for m in claimed] == ids
            with transaction():
                events.put_back(ids, worker="one", reason="Connection refused")
            clock.shift(timedelta(hours=1))

        message = fresh(ids[0])
        assert (message.state, message.attempts, message.last_error) == (MessageState.READY, 0, "Connection refused")
        clock.shift(timedelta(days=2))
        claim()
        fail(ids[0], Failed("Connection refused", outage=True))
        assert fresh(ids[0]).state is MessageState.DEAD


def test_c112_a_thousand_that_fail_together_do_not_come_back_together():
    ids = make_messages(1000)
    for worst_share in (0.05, 0.05, 0.05):
        with time_machine.travel(now() + timedelta(days=1), tick=False):
            claim(size=1000)
            with transaction():
                for message_id in ids:
                    events.fail(message_id, Failed("451 later"), worker="one")
            start = now()
        db.session.rollback()
        due = [m.due_at for m in db.session.query(OutboxMessage)]
        seconds = Counter(int((moment - start).total_seconds()) for moment in due)
        assert max(seconds.values()) <= 1000 * worst_share
        assert min(seconds) >= 0
        with transaction():
            db.session.query(OutboxMessage).update({"due_at": start})


def test_c112_the_delay_grows_and_is_bounded():
    longest = [max(events.delay_before(attempt) for _ in range(300)) for attempt in range(1, 21)]

    assert longest[0] <= 40
    assert longest[3] > 160
    assert max(longest) <= 3600


def test_h2_a_link_that_opens_an_account_is_gone_after_delivery():
    (secret_id,), (other_id,) = make_messages(kind="account.reset_instructions"), make_messages()
    claim()

    with transaction():
        events.complete([secret_id, other_id], worker="one", forget=[secret_id])

    assert fresh(secret_id).payload == {}
    assert fresh(secret_id).state is MessageState.DONE
    assert fresh(other_id).payload == {"text": "t", "html": "h"}


def test_h2_a_link_that_was_never_delivered_is_gone_after_a_day():
    (secret_id,) = make_messages(kind="account.reset_instructions")
    claim()
    fail(secret_id, Failed("550", permanent=True))
    with transaction():
        assert events.forget_content("account.", older_than=timedelta(days=1)) == 0

    with time_machine.travel(now() + timedelta(days=2)), transaction():
        events.forget_content("account.", older_than=timedelta(days=1))

    assert fresh(secret_id).payload == {}
    person, message = make_user(), fresh(secret_id)
    with pytest.raises(Conflict, match="no longer valid"), transaction():
        events.replay(message, by=person)


def test_c113_only_a_dead_message_is_sent_again():
    (message_id,) = make_messages()

    person, message = make_user(), fresh(message_id)
    with pytest.raises(Conflict, match="Only a dead message"), transaction():
        events.replay(message, by=person)


def test_the_backlog_counts_what_waits_and_what_is_dead():
    first, second, third = make_messages(3)
    claim(size=2)
    fail(first, Failed("550", permanent=True))

    waiting, dead, oldest = events.backlog()

    assert (waiting, dead) == (2, 1)
    assert oldest is not None
    assert {second, third}


def test_nothing_of_a_transaction_that_failed_is_in_the_outbox():
    def fail_after_writing() -> None:
        with transaction():
            events.enqueue("mail", Draft("a@x.example", "approve", "Subject"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_writing()

    assert db.session.query(OutboxMessage).count() == 0
