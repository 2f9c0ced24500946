"""The delivery worker against real databases, real threads and a real mail server."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest
import time_machine

from portal import access, events
from portal import worker as working
from portal.access import Grant, GrantState
from portal.accounts import RoleName
from portal.credentials import Credential, CredentialState
from portal.db import db, now, transaction
from portal.events import Draft, MessageState, OutboxMessage
from portal.mail import MailChannel
from portal.worker import Worker
from tests.service.events.channels import Recorder, all_done, channel, make_messages, one_round, states, working_threads
from tests.support.builders import make_plan, make_request, make_user
from tests.support.smtp import smtp_server, wait_until


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


def test_tidying_up_says_what_is_over(app):
    request = make_request(plan=make_plan(auto_approve=True, credential_lifetime_days=1))
    with time_machine.travel(now() + timedelta(days=2)):
        working.tidy_up(app.config["PORTICO"])

    db.session.rollback()
    assert db.session.get(Credential, request.credential_id).state is CredentialState.EXPIRED
    assert {grant.state for grant in db.session.query(Grant)} == {GrantState.EXPIRED}


def test_the_worker_shows_that_it_lives(app):
    worker = Worker(app, threading.Event())
    sign = app.config["PORTICO"].instance_dir / "worker.alive"
    sign.unlink(missing_ok=True)

    with app.app_context():
        worker._tidy_up_at_times()

    assert sign.exists()
