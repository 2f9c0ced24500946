"""The delivery worker when a server, the database or the worker itself goes away."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import time_machine

from portal import credentials, events
from portal import worker as working
from portal.access import Grant, GrantState
from portal.accounts import RoleName
from portal.db import db, now, transaction
from portal.events import Draft, Failed, MessageState, OutboxMessage
from portal.mail import MailChannel
from portal.worker import Worker
from tests.service.events.channels import Recorder, all_done, channel, make_messages, one_round, states, working_threads
from tests.support.builders import make_plan, make_product, make_request, make_user
from tests.support.smtp import Inbox, free_port, smtp_server, wait_until


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
