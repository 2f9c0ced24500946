"""The texts of the mails in the Admin Portal."""

from __future__ import annotations

import html

import pytest

from portal import mail
from portal.access import AccessRequest
from portal.accounts import RoleName
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind, OutboxMessage
from portal.mail import MailTemplate
from tests.support.builders import make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


def last_mail(kind: str) -> OutboxMessage:
    return db.session.query(OutboxMessage).filter_by(kind=kind).order_by(OutboxMessage.id.desc()).first()


def submitted() -> tuple[AccessRequest, OutboxMessage]:
    request = make_request(owner=make_user(RoleName.API_OWNER))
    return request, last_mail("submitted")


def test_the_list_names_each_mail_with_its_subject_its_recipients_and_when(browser):
    page = browser(make_user(RoleName.ADMINISTRATOR)).get("/admin/emails")

    rows = page.texts("tbody tr")
    assert len(rows) == len(mail.KINDS)
    assert any("Request approved" in row and "The person who asked" in row and "Shipped" in row for row in rows)


def test_the_list_needs_as_many_queries_with_every_text_changed(browser):
    person = make_user(RoleName.ADMINISTRATOR)
    window = browser(person)
    with count_queries() as shipped:
        window.get("/admin/emails")
    with transaction():
        for kind in mail.KINDS:
            texts = mail.shipped(kind)
            mail.save(kind, mail.Texts("Changed", texts.text, texts.html), seen=texts.mark, by=person)

    with count_queries() as changed:
        window.get("/admin/emails")

    assert len(changed) == len(shipped)


def test_an_administrator_changes_the_texts_and_the_next_mail_has_them(browser):
    person = make_user(RoleName.ADMINISTRATOR)

    page = browser(person).get("/admin/emails/submitted")
    page = page.press(
        "Save changes", Subject="New: {{ number }}", Text="{{ requester_name }} asks.\n", HTML="<p>{{ reason }}</p>"
    )

    assert "have been saved" in page.text()
    request, message = submitted()
    assert message.subject == f"New: {request.number}"
    assert message.payload["text"] == f"{request.requester.display_name} asks.\n"
    assert "<p>We need it.</p>" in message.payload["html"]
    event = db.session.query(AuditEvent).filter_by(kind=EventKind.MAIL_TEMPLATE_CHANGED).one()
    assert event.actor == person.email
    assert event.before["subject"] == mail.shipped("submitted").subject
    assert event.after["subject"] == "New: {{ number }}"


def test_n6_a_mail_keeps_the_text_of_the_moment_of_the_decision(browser):
    _, before = submitted()
    old = (before.subject, dict(before.payload))

    browser(make_user(RoleName.ADMINISTRATOR)).get("/admin/emails/submitted").press("Save changes", Subject="Changed")

    db.session.refresh(before)
    assert (before.subject, before.payload) == old
    assert submitted()[1].subject == "Changed"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{{ ''.__class__ }}", "An attribute is not possible here"),
        ("{{ config }}", "There is no placeholder “config” here"),
        ("{{ request.app.secret }}", "An attribute"),
        ("{% for x in range(1000000000) %}a{% endfor %}", "A loop"),
        ("{{ reason|upper }}", "A filter"),
        ("{{ reason() }}", "A call"),
        ("{{ secret }}", "“secret”"),
        ("{% include 'x' %}", "Including"),
        ("{% set a = 1 %}", "Setting a value"),
        ("{% if reason %}", "cannot be read"),
        ("{% if not reason %}a{% endif %}", "not possible"),
        ("{{ 7 * 7 }}", "not possible"),
        ("{{ 9 ** 9 ** 9 }}", "not possible"),
        ("{% if reason %}" * 2000 + "{% endif %}" * 2000, "too deep"),
        ("{{ reason }}" * 3000, "placeholders"),
        ("x" * 70_000, "longer than"),
    ],
)
def test_d6_a_text_beyond_the_language_is_refused_with_its_line_and_nothing_typed_is_lost(browser, bad, reason):
    window = browser(make_user(RoleName.ADMINISTRATOR))
    text = f"First line\n{bad}\n"

    page = window.get("/admin/emails/approve").press("Save changes", Text=text, Subject="Mine")

    assert page.status == 422
    assert reason in html.unescape(page.html)
    assert "Line " in page.text(".error-summary")
    assert page.field("Text").get_text().strip() == text.strip()
    assert page.field("Subject")["value"] == "Mine"
    assert db.session.query(MailTemplate).count() == 0


def test_d6_the_fault_names_its_line(browser):
    page = browser(make_user(RoleName.ADMINISTRATOR)).get("/admin/emails/approve")
    page = page.press("Save changes", Text="one\ntwo\n{{ config }}\n")

    assert "Text: Line 3: There is no placeholder “config” here." in page.text(".error-summary")


def test_an_empty_text_is_refused(browser):
    page = browser(make_user(RoleName.ADMINISTRATOR)).get("/admin/emails/approve").press("Save changes", Subject="")

    assert page.status == 422
    assert "Enter a subject." in page.text()


def test_r10_of_two_administrators_the_second_is_told_and_keeps_what_they_typed(browser):
    first, second = make_user(RoleName.ADMINISTRATOR), make_user(RoleName.ADMINISTRATOR)
    stale = browser(second).get("/admin/emails/reject")
    browser(first).get("/admin/emails/reject").press("Save changes", Subject="The first")

    page = stale.press("Save changes", Subject="The second")

    assert page.status == 409
    assert first.email in page.text()
    assert page.field("Subject")["value"] == "The second"
    assert mail.texts_of("reject").subject == "The first"
    assert page.press("Save changes").status == 200
    assert mail.texts_of("reject").subject == "The second"


def test_restoring_brings_the_shipped_texts_back_and_an_old_form_is_stale(browser):
    window = browser(make_user(RoleName.ADMINISTRATOR))
    window.get("/admin/emails/reject").press("Save changes", Subject="Mine")
    stale = window.get("/admin/emails/reject")

    page = stale.press("Restore")

    assert "in force again" in page.text()
    assert mail.texts_of("reject") == mail.shipped("reject")
    assert not page.has_button("Restore")
    assert stale.press("Save changes", Subject="Late").status == 409
    changes = db.session.query(AuditEvent).filter_by(kind=EventKind.MAIL_TEMPLATE_CHANGED)
    reasons = [e.reason for e in changes.order_by(AuditEvent.id)]
    assert reasons == ["", "Restored the shipped texts."]


def test_saving_what_is_in_force_changes_and_records_nothing(browser):
    browser(make_user(RoleName.ADMINISTRATOR)).get("/admin/emails/reject").press("Save changes")

    assert db.session.query(MailTemplate).count() == 0
    assert db.session.query(AuditEvent).filter_by(kind=EventKind.MAIL_TEMPLATE_CHANGED).count() == 0


def test_the_preview_shows_what_was_typed_with_sample_values_and_saves_nothing(browser):
    page = browser(make_user(RoleName.ADMINISTRATOR)).get("/admin/emails/approve")

    preview = page.press("Preview", Subject="For {{ recipient_name }}", HTML="<b>{{ products }}</b>")

    assert preview.text("#subject") == "For Ada Lovelace"
    inner = preview.soup.find("iframe")["srcdoc"]
    assert "<b>Payments API, Weather API</b>" in inner
    assert "Hello Ada Lovelace" in preview.text("#text")
    assert db.session.query(MailTemplate).count() == 0


def test_the_preview_of_a_broken_text_says_what_is_wrong(browser):
    preview = browser(make_user(RoleName.ADMINISTRATOR)).get("/admin/emails/approve").press("Preview", HTML="{{ x.y }}")

    assert preview.status == 422
    assert "HTML: Line 1: An attribute" in preview.text()


def test_d6_the_preview_stands_in_a_frame_in_which_nothing_runs(browser):
    window = browser(make_user(RoleName.ADMINISTRATOR))

    page = window.get("/admin/emails/approve").press("Preview", HTML="<script>alert(1)</script><form></form>")

    policy = page.headers["Content-Security-Policy"]
    assert "sandbox allow-same-origin;" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "script" not in policy
    assert page.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert not page.soup.find("iframe")["sandbox"]
    assert not page.soup.find("script")
    assert window.get("/admin/emails/approve").headers["X-Frame-Options"] == "DENY"


def test_an_auditor_reads_and_changes_nothing(browser):
    window = browser(make_user(RoleName.AUDITOR))

    page = window.get("/admin/emails/submitted")

    assert "{{ requester_name }}" in page.text("#stored-text")
    assert not page.has_button("Save changes")
    assert window.get("/admin/emails/submitted/preview").status == 200
    for action in ("", "/restore"):
        assert window.forge(f"/admin/emails/submitted{action}", {"subject": "x"}).status == 403


def test_other_people_see_no_texts(browser):
    for role in (RoleName.CONSUMER, RoleName.API_OWNER, RoleName.PLAN_MANAGER, RoleName.SECURITY_REVIEWER):
        assert browser(make_user(role)).get("/admin/emails").status == 403


def test_a_kind_that_never_was_is_not_found(browser):
    window = browser(make_user(RoleName.ADMINISTRATOR))

    assert window.get("/admin/emails/nothing").status == 404
    assert window.get("/admin/emails/nothing/preview").status == 404
