"""Handing mails to a real mail server: what is sent, and what a server's answers mean."""

from __future__ import annotations

import smtplib
from datetime import UTC, datetime

import pytest

from portal.config import Settings
from portal.events import Failed, OutboxMessage
from portal.mail.delivery import Postman
from portal.mail.message import BadAddress, address_of, as_bytes
from tests.support.smtp import Inbox, free_port, smtp_server


def a_message(recipient: str = "ada@acme.example", number: int = 1, **kwargs) -> OutboxMessage:
    values = {
        "id": number,
        "kind": "approve",
        "recipient": recipient,
        "subject": "Approved",
        "payload": {"text": "Hello\n", "html": "<p>Hello</p>"},
        "message_id": f"<message{number}@portal.example>",
        "request_id": "req-12345678",
        "created_at": datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC),
    }
    return OutboxMessage(**{**values, **kwargs})


def settings_for(inbox: Inbox, **kwargs) -> Settings:
    return inbox.settings(Settings(_env_file=None), **kwargs)


def deliver(inbox: Inbox, *messages: OutboxMessage, **settings) -> list[Failed | None]:
    results = {m.id: failed for m, failed in Postman(settings_for(inbox, **settings)).deliver(messages)}
    return [results[m.id] for m in messages]


def test_a_mail_arrives_with_its_headers_and_both_parts():
    with smtp_server() as inbox:
        assert deliver(inbox, a_message()) == [None]

    (received,) = inbox.messages
    mail = received.mail
    assert received.recipients == ["ada@acme.example"]
    assert mail["To"] == "ada@acme.example"
    assert mail["From"] == "Portico <no-reply@portico.example>"
    assert mail["Message-ID"] == "<message1@portal.example>"
    assert mail["Date"] == "Sat, 21 Nov 2026 12:00:00 +0000"
    assert mail["X-Request-ID"] == "req-12345678"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
    assert (received.text, received.html) == ("Hello\n", "<p>Hello</p>\n")


def test_every_try_sends_the_same_bytes():
    with smtp_server() as inbox:
        deliver(inbox, a_message())
        deliver(inbox, a_message())

    first, second = inbox.messages
    assert first.content == second.content


def test_one_connection_serves_a_batch():
    with smtp_server() as inbox:
        deliver(inbox, *[a_message(number=n) for n in range(1, 21)])

    assert len(inbox.messages) == 20
    assert inbox.connections == 1


def test_n1_line_breaks_make_no_headers():
    evil = "Hi\r\nBcc: all@evil.example\r\n\r\nSecond body\n\u2028To: x@evil.example"
    with smtp_server() as inbox:
        deliver(inbox, a_message(subject=evil, request_id="a\r\nBcc: x@evil.example", message_id="<a@b>\r\nCc: y@z"))

    (received,) = inbox.messages
    names = [name.lower() for name, _ in received.mail.items()]
    assert names.count("subject") == names.count("to") == 1
    assert not {"bcc", "cc"} & set(names)
    assert received.recipients == ["ada@acme.example"]
    assert received.text == "Hello\n"


def test_n1_an_encoded_word_in_a_name_hides_no_line_break():
    with smtp_server() as inbox:
        deliver(inbox, a_message(subject="=?utf-8?q?Hi=0d=0aBcc:_all@evil.example?="))

    (received,) = inbox.messages
    assert received.mail["Bcc"] is None
    assert received.subject.replace("\u2060", "") == "=?utf-8?q?Hi=0d=0aBcc:_all@evil.example?="


@pytest.mark.parametrize(
    "address",
    [
        "a@x,b@y",
        '"<script>"@x',
        "a@x%0d%0a",
        "a@x\r\nRCPT TO:<b@y>",
        "a@x\n",
        "a b@x",
        "a@",
        "@x",
        "plain",
        "a@b@c",
        "Ada <a@x>",
        "a@-x.example",
        "a@x..example",
        "a\u2028@x",
        "a" * 65 + "@x",
        "a@" + "x" * 64,
    ],
)
def test_n2_bad_addresses_are_refused_and_the_others_go(address):
    with pytest.raises(BadAddress):
        address_of(address)

    with smtp_server() as inbox:
        bad, good = deliver(inbox, a_message(address), a_message(number=2))

    assert bad is not None
    assert bad.permanent
    assert good is None
    assert [received.recipients for received in inbox.messages] == [["ada@acme.example"]]


@pytest.mark.parametrize(
    ("recipient", "wire"),
    [
        ("a+b@x.example", "a+b@x.example"),
        ("o'hara@x.example", "o'hara@x.example"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
    ],
)
def test_n2_unusual_but_right_addresses_are_taken(recipient, wire):
    with smtp_server() as inbox:
        assert deliver(inbox, a_message(recipient)) == [None]

    assert inbox.messages[0].recipients == [wire]


def test_n4_an_address_beyond_ascii_needs_a_server_that_takes_it():
    with smtp_server() as inbox:
        assert deliver(inbox, a_message("jürgen@x.example")) == [None]

    assert inbox.messages[0].recipients == ["jürgen@x.example"]


@pytest.mark.parametrize(
    "text",
    [
        "Grüße aus Köln\n",
        "您的请求已获批准。" * 40 + "\n",
        "x" * 5000 + "\n",
        "ü" * 5000 + "\n",
        ".\n..\n.leading\n. \nQUIT\n",
        "From here on\n",
        "trailing space \t\nand = signs =3D\n",
        "emoji 👩‍💻 and \U0001f468\n",
        "a\n\n\n\nb\n",
    ],
)
def test_n4_any_body_arrives_as_it_was(text):
    with smtp_server() as inbox:
        assert deliver(inbox, a_message(payload={"text": text, "html": f"<p>{text}</p>"})) == [None]

    (received,) = inbox.messages
    assert received.text == text
    assert received.html == f"<p>{text}</p>\n"
    assert all(len(line) <= 998 for line in received.content.split(b"\r\n"))
    assert received.content.isascii()
    assert b"\n" not in received.content.replace(b"\r\n", b"")


@pytest.mark.parametrize("subject", ["Zugriff für „Köln“ genehmigt", "请求" * 80, "long " * 60, "ü" * 300, "x" * 900])
def test_n4_any_subject_arrives_as_it_was(subject):
    with smtp_server() as inbox:
        assert deliver(inbox, a_message(subject=subject)) == [None]

    (received,) = inbox.messages
    assert received.subject == subject.strip()
    assert all(len(line) <= 998 for line in received.content.split(b"\r\n"))


def test_n4_a_10_kb_subject_is_cut_and_the_mail_is_still_valid():
    with smtp_server() as inbox:
        assert deliver(inbox, a_message(subject="Größe " * 2000)) == [None]

    (received,) = inbox.messages
    assert received.subject.startswith("Größe Größe")
    assert received.text == "Hello\n"
    assert not received.mail.defects


def test_n4_a_sender_with_any_name_is_one_address():
    with smtp_server() as inbox:
        assert deliver(inbox, a_message(), mail_from='"Köln, \\"API\\" Team" <api@köln.example>') == [None]

    (received,) = inbox.messages
    assert received.sender == "api@xn--kln-sna.example"
    assert received.mail["From"].addresses[0].display_name == 'Köln, "API" Team'


def test_control_characters_and_turned_text_do_not_get_out():
    with smtp_server() as inbox:
        deliver(inbox, a_message(subject="a\x00b\u202eevil", payload={"text": "a\x00b\u202eevil\ud800\n", "html": ""}))

    (received,) = inbox.messages
    assert received.subject == "abevil"
    assert received.text == "abevil\n"


# --- what a server's answer means ------------------------------------------------------------------------------------


def test_x5_a_mailbox_that_does_not_exist_is_permanent_and_the_others_go():
    with smtp_server() as inbox:
        inbox.refuse("gone@acme.example", "550 No such mailbox")
        gone, ada = deliver(inbox, a_message("gone@acme.example"), a_message(number=2))

    assert gone == Failed("The mail server answered 550 No such mailbox", permanent=True)
    assert ada is None


def test_a_full_server_is_asked_again():
    with smtp_server() as inbox:
        inbox.refuse("full@acme.example", "452 Mailbox full")
        inbox.refuse_content("slow@acme.example", "451 Try later")
        full, slow, ada = deliver(
            inbox, a_message("full@acme.example"), a_message("slow@acme.example", 2), a_message(number=3)
        )

    assert full == Failed("The mail server answered 452 Mailbox full")
    assert slow == Failed("The mail server answered 451 Try later")
    assert ada is None


def test_content_that_is_refused_for_good_is_permanent():
    with smtp_server() as inbox:
        inbox.refuse_content(answer="554 Looks like spam")
        (failed,) = deliver(inbox, a_message())

    assert failed is not None
    assert failed.permanent


def test_nobody_listening_is_an_outage_for_all():
    inbox = Inbox(free_port())

    results = deliver(inbox, a_message(), a_message(number=2))

    assert [r.outage for r in results if r] == [True, True]
    assert not any(r.permanent for r in results if r)


def test_a_server_that_says_nothing_is_given_up_after_the_time_out():
    with smtp_server() as inbox:
        inbox.hang(seconds=3)
        (failed,) = deliver(inbox, a_message(), mail_timeout_seconds=1)
        inbox.hangs.clear()

    assert failed is not None
    assert failed.outage


def test_a_server_that_breaks_off_every_mail_is_an_outage():
    with smtp_server() as inbox:
        inbox.drop()
        results = deliver(inbox, *[a_message(number=n) for n in range(1, 6)])

    assert [r.outage for r in results if r] == [True] * 5
    assert inbox.connections == 3


def test_x14_a_mail_on_which_the_server_breaks_off_is_that_mails_fault_when_others_go():
    with smtp_server() as inbox:
        inbox.drop("poison@acme.example")
        poison, ada = deliver(inbox, a_message("poison@acme.example"), a_message(number=2))

    assert ada is None
    assert poison is not None
    assert not poison.outage
    assert not poison.permanent


def test_x14_a_mail_that_cannot_be_made_does_not_stop_the_others():
    with smtp_server() as inbox:
        broken, ada = deliver(inbox, a_message(payload=None), a_message(number=2))

    assert broken is not None
    assert not broken.outage
    assert ada is None


def test_a_refused_sign_in_is_an_outage_and_does_not_tell_the_password():
    with smtp_server() as inbox:
        (failed,) = deliver(inbox, a_message(), mail_username="portico", mail_password="hunter2-hunter2")

    assert failed is not None
    assert failed.outage
    assert "hunter2" not in failed.reason


def test_trap_14_whatever_a_library_raises_while_connecting_is_an_outage(monkeypatch):
    def odd(*args, **kwargs):
        raise ValueError("not an OSError at all")

    monkeypatch.setattr(smtplib.SMTP, "connect", odd)

    (failed,) = deliver(Inbox(free_port()), a_message())

    assert failed is not None
    assert failed.outage


def test_the_bytes_depend_on_nothing_but_the_message():
    assert as_bytes(a_message(), sender="P <p@x.example>") == as_bytes(a_message(), sender="P <p@x.example>")
