"""The delivery worker against real databases, real threads and a real mail server."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import time_machine
from flask import Flask

from portal import access, credentials, events
from portal import worker as working
from portal.access import Grant, GrantState
from portal.accounts import RoleName
from portal.credentials import Credential, CredentialState
from portal.db import db, now, transaction
from portal.events import Channel, Draft, Failed, MessageState, OutboxMessage
from portal.mail import MailChannel
from portal.worker import Worker
from tests.support.builders import make_plan, make_product, make_request, make_user
from tests.support.smtp import Inbox, free_port, smtp_server, wait_until


class Recorder:
    """A channel that notes what it is given, from all threads, and answers as told."""

    name = "mail"

    def __init__(self, answer=lambda message: None, *, seconds: float = 0.0) -> None:
        self.answer = answer
        self.seconds = seconds
        self.delivered: list[str] = []

    def drafts(self, kind, subject, reason, *, by=None):
        return []

    def deliver(self, messages):
        for message in messages:
            if self.seconds:
                time.sleep(self.seconds)
            self.delivered.append(message.message_id)
            yield message, self.answer(message)

    def forgets(self, message) -> bool:
        return False


@contextmanager
def channel(replacement: Channel) -> Iterator[None]:
    before = events.channel_named("mail")
    assert before is not None
    events.register(replacement)
    try:
        yield
    finally:
        events.register(before)


def make_messages(count: int) -> list[int]:
    with transaction():
        made = [
            events.enqueue(
                "mail", Draft(f"p{n}@acme.example", "approve", f"Subject {n}", {"text": f"{n}\n", "html": ""})
            )
            for n in range(count)
        ]
        db.session.flush()
        return [message.id for message in made]


def states() -> Counter[MessageState]:
    db.session.rollback()
    return Counter(message.state for message in db.session.query(OutboxMessage).populate_existing())


def all_done(count: int) -> bool:
    return states()[MessageState.DONE] == count


@contextmanager
def working_threads(app: Flask, count: int = 1, **kwargs) -> Iterator[list[Worker]]:
    stop = threading.Event()
    workers = [Worker(app, stop, **kwargs) for _ in range(count)]
    threads = [threading.Thread(target=worker.work) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        yield workers
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)


def one_round(app: Flask, stop: threading.Event | None = None) -> Worker:
    db.session.rollback()
    worker = Worker(app, stop or threading.Event())
    with app.app_context():
        worker.round()
    return worker


def test_x3_what_was_decided_while_no_worker_ran_arrives_when_one_does(app):
    owner = make_user(RoleName.API_OWNER, email="ada@portico.example")
    request = make_request(owner=owner)
    number = request.number
    with transaction():
        access.approve(request, by=owner)

    with smtp_server() as inbox, channel(MailChannel(inbox.settings(app.config["PORTICO"]))), working_threads(app):
        wait_until(lambda: all_done(2))

    assert [received.recipients for received in inbox.messages[:1]] == [["ada@portico.example"]]
    assert number in inbox.messages[0].subject
    assert inbox.messages[1].subject.startswith("Approved: ")


@pytest.mark.parametrize("workers", [2, 4])
def test_x13_several_workers_deliver_each_message_once(app, workers):
    make_messages(400)
    recorder = Recorder()

    with channel(recorder), working_threads(app, workers, batch=20):
        wait_until(lambda: all_done(400), seconds=60)

    assert Counter(recorder.delivered).most_common(1)[0][1] == 1
    assert len(recorder.delivered) == 400


def test_x13_several_workers_with_a_real_server_send_each_mail_once(app):
    make_messages(100)

    with smtp_server() as inbox, channel(MailChannel(inbox.settings(app.config["PORTICO"]))):
        with working_threads(app, 3, batch=10):
            wait_until(lambda: all_done(100), seconds=60)

        assert len(inbox.messages) == len({received.mail["Message-ID"] for received in inbox.messages}) == 100


def test_x13_a_worker_that_was_killed_leaves_a_lease_that_runs_out(app):
    make_messages(1)
    with transaction():
        events.claim("killed")
    recorder = Recorder()

    with channel(recorder):
        one_round(app)
        assert recorder.delivered == []
        with time_machine.travel(now() + timedelta(minutes=4)):
            one_round(app)

    assert len(recorder.delivered) == 1
    assert all_done(1)


def test_x13_a_worker_that_was_stuck_begins_nothing_that_is_no_longer_its_own(app, monkeypatch):
    make_messages(3)
    monkeypatch.setattr(working, "TAKE_WITHIN_SECONDS", 0.05)
    recorder = Recorder(seconds=0.1)

    with channel(recorder):
        one_round(app)

    assert len(recorder.delivered) == 1
    assert states() == {MessageState.DONE: 1, MessageState.READY: 2}


def test_x14_trap_14_a_message_at_which_the_channel_breaks_is_set_aside_and_the_others_flow(app):
    ids = make_messages(30)
    poison = f"p{7}@acme.example"

    def answer(message):
        if message.recipient == poison:
            raise ValueError("BadStatusLine: outside OSError")

    with channel(Recorder(answer)), working_threads(app):
        wait_until(lambda: all_done(29))

    message = db.session.query(OutboxMessage).filter_by(recipient=poison).one()
    assert message.state is MessageState.READY
    assert "BadStatusLine" in message.last_error
    assert message.attempts >= 1
    assert len(ids) == 30


def test_x6_x7_a_server_that_was_down_gets_everything_oldest_first_when_it_is_back(app):
    port = free_port()
    settings = Inbox(port).settings(app.config["PORTICO"])
    make_messages(60)

    with channel(MailChannel(settings)):
        one_round(app)  # this worker saw the outage, and is gone
        assert states() == {MessageState.READY: 60}
        error = db.session.query(OutboxMessage).first().last_error
        assert error.startswith("The mail server cannot be used: ConnectionRefusedError")
        with smtp_server(port) as inbox, working_threads(app):
            wait_until(lambda: all_done(60))

    assert [received.subject for received in inbox.messages] == [f"Subject {n}" for n in range(60)]


def test_x6_an_outage_is_asked_about_at_least_each_minute(app):
    worker = Worker(app, threading.Event())
    make_messages(1)

    with channel(Recorder(lambda message: Failed("down", outage=True))):
        for _ in range(20):
            worker.pauses.get("mail", working.Pause()).until = 0.0
            with app.app_context():
                worker.round()
            wait = worker.pauses["mail"].until - time.monotonic()
            assert 0 < wait <= 60
        assert wait > 29

    with channel(Recorder()), app.app_context():
        worker.pauses["mail"].until = 0.0
        worker.round()
    assert worker.pauses["mail"].count == 0


def test_an_outage_of_mail_lets_the_worker_wait_and_not_spin(app):
    make_messages(1)
    recorder = Recorder(lambda message: Failed("down", outage=True))

    with channel(recorder), working_threads(app):
        time.sleep(1.2)

    assert len(recorder.delivered) <= 3


def test_x5_a_refused_mail_is_dead_and_an_administrator_sends_it_again(app):
    (message_id,) = make_messages(1)
    with smtp_server() as inbox, channel(MailChannel(inbox.settings(app.config["PORTICO"]))):
        inbox.refuse(answer="550 No such mailbox")
        one_round(app)
        assert states() == {MessageState.DEAD: 1}
        inbox.behave()
        person, message = make_user(RoleName.ADMINISTRATOR), events.find_message(message_id)
        assert message is not None
        message_name = message.message_id
        with transaction():
            events.replay(message, by=person)
        one_round(app)

    assert states()[MessageState.DONE] == 1
    assert [received.mail["Message-ID"] for received in inbox.messages] == [message_name]


def test_a_mail_is_sent_again_under_the_same_message_id(app):
    make_messages(1)
    with smtp_server() as inbox, channel(MailChannel(inbox.settings(app.config["PORTICO"]))):
        with transaction():
            (message,) = events.claim("killed after sending")
        channel_in_use = events.channel_named("mail")
        assert channel_in_use is not None
        assert [failed for _, failed in channel_in_use.deliver([message])] == [None]
        with time_machine.travel(now() + timedelta(minutes=4)):
            one_round(app)

    assert len(inbox.messages) == 2
    assert inbox.messages[0].content == inbox.messages[1].content


def test_h2_a_delivered_security_mail_keeps_no_link_but_the_demo_keeps_it_for_its_mailbox(app):
    def ask() -> None:
        with transaction():
            events.enqueue(
                "mail", Draft("a@x.example", "account.reset_instructions", "Reset", {"text": "SESAME\n", "html": ""})
            )

    ask()
    one_round(app)  # no mail server is set: kept
    with smtp_server() as inbox, channel(MailChannel(inbox.settings(app.config["PORTICO"]))):
        ask()
        one_round(app)

    assert "SESAME" in inbox.messages[0].text
    kept, sent = db.session.query(OutboxMessage).order_by(OutboxMessage.id)
    assert kept.payload["text"] == "SESAME\n"
    assert sent.payload == {}
    assert {kept.state, sent.state} == {MessageState.DONE}


def test_without_a_mail_server_nothing_is_lost_where_people_wait_for_mails(app):
    make_messages(1)
    settings = app.config["PORTICO"].model_copy(update={"testing": False, "demo": False})

    with channel(MailChannel(settings)):
        one_round(app)

    message = db.session.query(OutboxMessage).one()
    assert message.state is MessageState.READY
    assert "PORTICO_MAIL_SERVER is empty" in message.last_error


def test_x15_a_worker_that_is_told_to_stop_finishes_its_mail_and_gives_back_the_rest(app):
    make_messages(50)
    stop, recorder = threading.Event(), Recorder(seconds=0.05)
    with channel(recorder):
        thread = threading.Thread(target=working.run, args=(app, stop))
        thread.start()
        wait_until(lambda: len(recorder.delivered) >= 3)
        stop.set()
        thread.join(10)

    assert not thread.is_alive()
    found = states()
    assert found[MessageState.DONE] == len(recorder.delivered) < 50
    assert found[MessageState.READY] == 50 - len(recorder.delivered)
    assert all(m.attempts <= 1 for m in db.session.query(OutboxMessage))


def test_x15_a_mail_that_hangs_does_not_keep_the_worker_from_stopping(app, monkeypatch):
    monkeypatch.setattr(working, "STOP_WITHIN_SECONDS", 0.3)
    make_messages(2)
    stop, hanging, go = threading.Event(), threading.Event(), threading.Event()

    def answer(message):
        hanging.set()
        go.wait(20)

    with channel(Recorder(answer)):
        thread = threading.Thread(target=working.run, args=(app, stop))
        thread.start()
        assert hanging.wait(10)
        stop.set()
        thread.join(5)
        assert not thread.is_alive()
        assert states() == {MessageState.READY: 2}
        go.set()
        wait_until(lambda: not any(t.name == "portico-worker" for t in threading.enumerate()))

    assert states() == {MessageState.READY: 2}  # what the late one says no longer counts


def test_a_database_that_goes_away_does_not_stop_the_worker(app, monkeypatch):
    make_messages(3)
    real = events.claim
    broken: list[int] = []

    def claim(*args, **kwargs):
        if len(broken) < 2:
            broken.append(1)
            raise OSError("server closed the connection unexpectedly")
        return real(*args, **kwargs)

    monkeypatch.setattr(events, "claim", claim)

    with channel(Recorder()), working_threads(app):
        wait_until(lambda: all_done(3))

    assert len(broken) == 2


def test_results_are_stored_when_the_database_is_back_so_that_nothing_is_sent_twice(app, monkeypatch):
    make_messages(3)
    real = events.complete
    broken: list[int] = []

    def complete(*args, **kwargs):
        if not broken:
            broken.append(1)
            raise OSError("server closed the connection unexpectedly")
        return real(*args, **kwargs)

    monkeypatch.setattr(events, "complete", complete)
    recorder = Recorder()

    with channel(recorder):
        one_round(app)

    assert all_done(3)
    assert len(recorder.delivered) == 3


def test_a_message_of_a_channel_that_is_gone_waits_for_it(app):
    with transaction():
        events.enqueue("carrier-pigeon", Draft("x", "approve", "s"))

    one_round(app)

    assert states() == {MessageState.READY: 1}


def test_tidying_up_says_what_is_over(app):
    request = make_request(plan=make_plan(auto_approve=True, credential_lifetime_days=1))
    with time_machine.travel(now() + timedelta(days=2)):
        working.tidy_up(app.config["PORTICO"])

    db.session.rollback()
    assert db.session.get(Credential, request.credential_id).state is CredentialState.EXPIRED
    assert {grant.state for grant in db.session.query(Grant)} == {GrantState.EXPIRED}


def test_a_chore_that_fails_does_not_stop_the_others(app, monkeypatch):
    request = make_request(
        make_user(), make_product(plans=[plan := make_plan(auto_approve=True, credential_lifetime_days=1)]), plan=plan
    )

    def broken():
        raise RuntimeError

    monkeypatch.setattr(credentials, "expire_if_over", broken)
    with time_machine.travel(now() + timedelta(days=2)):
        working.tidy_up(app.config["PORTICO"])

    db.session.rollback()
    assert {grant.state for grant in db.session.query(Grant)} == {GrantState.EXPIRED}
    assert request.id


def test_the_worker_shows_that_it_lives(app):
    worker = Worker(app, threading.Event())
    sign = app.config["PORTICO"].instance_dir / "worker.alive"
    sign.unlink(missing_ok=True)

    with app.app_context():
        worker._tidy_up_at_times()

    assert sign.exists()
