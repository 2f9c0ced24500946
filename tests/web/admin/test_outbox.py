"""The outbox in the Admin Portal."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.accounts import RoleName
from portal.db import db, transaction
from portal.events import AuditEvent, Draft, EventKind, MessageState, OutboxMessage, enqueue
from tests.support.builders import make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


def make_message(recipient: str = "ada@acme.example", **values) -> OutboxMessage:
    kind, subject = values.pop("kind", "approve"), values.pop("subject", "Approved")
    with transaction():
        draft = Draft(recipient, kind, subject, values.pop("payload", {"text": "Hello Ada", "html": "<p>Hello</p>"}))
        message = enqueue("mail", draft)
        for field, value in values.items():
            setattr(message, field, value)
    return message


def dead(recipient: str = "ada@acme.example", **values) -> OutboxMessage:
    return make_message(recipient, state=MessageState.DEAD, attempts=12, last_error="550 No such mailbox", **values)


def test_the_list_is_filtered_by_state_and_recipient(browser):
    make_message("one@acme.example")
    dead("two@acme.example")
    window = browser(make_user(RoleName.ADMINISTRATOR))

    assert len(window.get("/admin/outbox").texts("tbody tr")) == 2
    (row,) = window.get("/admin/outbox?state=dead").texts("tbody tr")
    assert "two@acme.example" in row
    assert "550 No such mailbox" in row
    (row,) = window.get("/admin/outbox?q=ONE@").texts("tbody tr")
    assert "one@acme.example" in row
    assert "No message matches" in window.get("/admin/outbox?q=%25").text()
    assert window.get("/admin/outbox?state=odd").status == 404


def test_the_list_is_paged_by_key(browser):
    for number in range(60):
        make_message(f"p{number}@acme.example")
    window = browser(make_user(RoleName.ADMINISTRATOR))

    first = window.get("/admin/outbox?state=ready")
    second = first.follow("Next page")

    assert len(first.texts("tbody tr")) == 50
    assert len(second.texts("tbody tr")) == 10
    assert not set(first.texts("tbody th")) & set(second.texts("tbody th"))
    assert "state=ready" in second.path


def test_the_list_needs_as_many_queries_for_forty_messages_as_for_one(browser):
    window = browser(make_user(RoleName.ADMINISTRATOR))
    make_message()
    with count_queries() as few:
        window.get("/admin/outbox")
    for number in range(40):
        make_message(f"p{number}@acme.example")

    with count_queries() as many:
        window.get("/admin/outbox")

    assert len(many) == len(few)


def test_c113_a_dead_letter_is_read_and_sent_again_under_its_old_message_id(browser):
    person, message = make_user(RoleName.ADMINISTRATOR), dead()
    before = message.message_id

    page = browser(person).get("/admin/outbox?state=dead").follow("ada@acme.example")
    assert "550 No such mailbox" in page.text()
    assert "Hello Ada" in page.text("#message-text")
    page = page.press("Send again")

    db.session.refresh(message)
    assert "waits to be sent again" in page.text()
    assert (message.state, message.attempts, message.message_id) == (MessageState.READY, 0, before)
    event = db.session.query(AuditEvent).filter_by(kind=EventKind.MESSAGE_REPLAYED).one()
    assert (event.actor, event.subject_id, event.before["attempts"]) == (person.email, message.id, 12)


def test_c111_sending_again_twice_is_refused_the_second_time(browser):
    message = dead()
    stale = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/outbox/{message.id}")
    stale.press("Send again")

    page = stale.press("Send again")

    assert page.status == 409
    assert "Only a dead message can be sent again; this one is waiting." in page.text()
    assert db.session.query(AuditEvent).filter_by(kind=EventKind.MESSAGE_REPLAYED).count() == 1


def test_all_dead_letters_are_sent_again_at_once(browser):
    messages = [dead(f"p{number}@acme.example") for number in range(3)]
    delivered = make_message(state=MessageState.DONE)

    page = browser(make_user(RoleName.ADMINISTRATOR)).get("/admin/outbox?state=dead").press("Send all")

    assert "3 messages wait to be sent again." in page.text()
    assert {db.session.get(OutboxMessage, m.id).state for m in messages} == {MessageState.READY}
    assert db.session.get(OutboxMessage, delivered.id).state is MessageState.DONE


def test_h5_an_administrator_never_sees_a_link_that_opens_somebody_elses_account(browser):
    message = dead(kind="account.reset_instructions", payload={"text": "https://x/reset/SESAME", "html": "SESAME"})

    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/outbox/{message.id}")

    assert "SESAME" not in page.html
    assert "meant for its recipient alone" in page.text()


def test_h5_the_link_of_a_reset_that_was_really_asked_for_is_read_by_its_recipient_alone(browser):
    person = make_user()
    browser().get("/reset").press("Send the link", Email=person.email)
    message = db.session.scalars(select(OutboxMessage).where(OutboxMessage.recipient == person.email)).one()

    page = browser(make_user(RoleName.AUDITOR)).get(f"/admin/outbox/{message.id}")

    assert "/reset/" in message.payload["text"]
    assert "/reset/" not in page.html
    assert "meant for its recipient alone" in page.text()


def test_a_mail_whose_link_is_gone_is_not_sent_again(browser):
    message = dead(kind="account.reset_instructions", payload={})
    window = browser(make_user(RoleName.ADMINISTRATOR))

    assert not window.get(f"/admin/outbox/{message.id}").has_button("Send again")
    assert window.forge(f"/admin/outbox/{message.id}/send-again").status == 409


def test_an_auditor_reads_and_sends_nothing(browser):
    message, window = dead(), browser(make_user(RoleName.AUDITOR))

    page = window.get(f"/admin/outbox/{message.id}")

    assert page.status == 200
    assert not page.has_button("Send again")
    assert not window.get("/admin/outbox?state=dead").has_button("Send all again")
    assert window.forge(f"/admin/outbox/{message.id}/send-again").status == 403
    assert window.forge("/admin/outbox/send-all-again").status == 403


def test_other_people_see_no_messages(browser):
    message = dead()

    for role in (RoleName.CONSUMER, RoleName.API_OWNER, RoleName.PLAN_MANAGER, RoleName.SECURITY_REVIEWER):
        window = browser(make_user(role))
        assert window.get("/admin/outbox").status == 403
        assert window.get(f"/admin/outbox/{message.id}").status == 403


def test_what_people_wrote_is_text_on_the_page(browser):
    message = dead("<script>@x.example", subject="<script>alert(1)</script>", payload={"text": "<b>bold</b>"})

    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/outbox/{message.id}")

    assert page.text("#message-text") == "<b>bold</b>"
    assert "<script>alert" not in page.html
