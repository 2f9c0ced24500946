"""What the mails say: one of each kind against its golden file, and the language of their texts."""

from __future__ import annotations

import os
import re
import time
from datetime import timedelta
from pathlib import Path

import pytest

from portal import access, apps, mail
from portal.access import AccessRequest, Approval, Narrowing
from portal.accounts import RoleName, User
from portal.catalog import AuthMethod
from portal.db import db, now, transaction
from portal.events import OutboxMessage
from portal.mail import KINDS, MailTemplate, Texts
from portal.mail.language import BadText, clean, read, write
from portal.mail.lateness import told
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")
GOLDEN = Path(__file__).parent / "golden"


def mails(kind: str) -> list[OutboxMessage]:
    return db.session.query(OutboxMessage).filter_by(kind=kind).order_by(OutboxMessage.id).all()


def the_mail(kind: str) -> OutboxMessage:
    (message,) = mails(kind)
    return message


def golden(message: OutboxMessage, **known: object) -> None:
    """Compare a mail with its golden file; PORTICO_GOLDEN=write writes the file anew."""
    for part in ("text", "html"):
        found = f"Subject: {message.subject}\n\n{message.payload[part]}"
        for name, value in known.items():
            found = found.replace(str(value), f"[{name}]")
        file = GOLDEN / f"{message.kind}.{part}"
        if os.environ.get("PORTICO_GOLDEN") == "write":
            GOLDEN.mkdir(exist_ok=True)
            file.write_text(found)
        assert found == file.read_text()


@pytest.fixture
def grace() -> User:
    return make_user(email="grace@acme.example", name="Grace Hopper")


@pytest.fixture
def owner() -> User:
    return make_user(RoleName.API_OWNER, email="ada@portico.example", name="Ada Lovelace")


@pytest.fixture
def asked(grace: User, owner: User) -> AccessRequest:
    plan = make_plan("Gold", quota_requests=10_000, quota_period="month", rate_requests=10, rate_seconds=1)
    products = [make_product(name, plans=[plan], owners=[owner]) for name in ("Payments API", "Weather API")]
    reason = "We show our customers what a journey will cost.\nAnd when <they> arrive."
    return make_request(grace, *products, plan=plan, app=make_app(grace, "Route planner"), reason=reason)


def test_t60_a_new_request_reaches_the_owner_with_everything_needed_to_decide(asked):
    message = the_mail("submitted")

    assert message.recipient == "ada@portico.example"
    golden(message, number=asked.number, due=told(asked.stages[0].due_at))
    for needed in (
        "Grace Hopper",
        "grace@acme.example",
        "Acme",
        "Route planner",
        "Payments API",
        "Weather API",
        "Gold",
    ):
        assert needed in message.payload["text"]
        assert needed in message.payload["html"]
    assert f"http://localhost/admin/access-requests/{asked.number}" in message.payload["text"]


def test_each_reviewer_gets_their_own_mail(grace):
    owners = [make_user(RoleName.API_OWNER) for _ in range(3)]
    plan = make_plan()

    make_request(grace, make_product(plans=[plan], owners=owners), plan=plan)

    assert sorted(m.recipient for m in mails("submitted")) == sorted(o.email for o in owners)
    assert len({m.message_id for m in mails("submitted")}) == 3


def test_t66_an_approval_reaches_the_requester_without_a_secret(asked, owner):
    with transaction():
        access.approve(asked, by=owner, comment="Welcome. Please use the sandbox first.")

    message = the_mail("approve")
    assert message.recipient == "grace@acme.example"
    golden(message, number=asked.number, app=f"/apps/{asked.app_id}")
    assert f"http://localhost/apps/{asked.app_id}" in message.payload["text"]


def test_t66_an_approval_says_on_which_conditions_and_until_when(asked, owner):
    until = (now() + timedelta(days=30)).date()
    saying = Approval(conditions=["Keep it <secret>.", "Tell us first."], less=Narrowing(until=until))
    with transaction():
        access.approve(asked, by=owner, saying=saying)

    said = the_mail("approve").payload
    assert "On these conditions:\nKeep it <secret>.\nTell us first.\n" in said["text"]
    assert f"The access ends after {until.day} {until:%B %Y}." in said["text"]
    assert "Keep it &lt;secret&gt;." in said["html"]


def test_t66_an_approval_of_less_names_what_is_opened_and_what_is_not(asked, owner):
    payments, weather = asked.items
    kept, dropped = payments.scopes
    less = Narrowing(
        declined={weather.product_id: "Not for <this> app."}, scopes={payments.product_id: frozenset({kept})}
    )
    with transaction():
        access.approve(asked, by=owner, saying=Approval(less=less))

    message = the_mail("approve")
    assert message.subject == "Approved: Payments API for Route planner"
    assert "Route planner may use Payments API.\n" in message.payload["text"]
    assert (
        "Less than you asked for is approved:\n"
        f"Payments API without {dropped}\n"
        "Weather API is declined: Not for <this> app.\n"
    ) in message.payload["text"]
    assert "Weather API is declined: Not for &lt;this&gt; app." in message.payload["html"]


def test_t66_a_rejection_reaches_the_requester_with_its_reason(asked, owner):
    with transaction():
        access.reject(asked, by=owner, reason="Gold is for production use.\nAsk for Silver.")

    message = the_mail("reject")
    assert message.recipient == "grace@acme.example"
    golden(message, number=asked.number)
    assert f"http://localhost/requests/{asked.number}" in message.payload["text"]


def test_a_withdrawal_reaches_those_who_had_been_asked(asked, grace):
    with transaction():
        access.withdraw(asked, by=grace)

    message = the_mail("withdrawn")
    assert message.recipient == "ada@portico.example"
    golden(message, number=asked.number)


def test_a_credential_that_an_owner_revokes_is_told_to_the_owner_of_the_app(asked, owner):
    with transaction():
        access.approve(asked, by=owner)
    with transaction():
        access.revoke_credential(asked.credential, by=owner, reason="The key was found in a public repository.")

    message = the_mail("revoked")
    assert message.recipient == "grace@acme.example"
    golden(message, client_id=asked.credential.client_id, app=f"/apps/{asked.app_id}")


def test_the_last_access_that_is_revoked_is_told_once(owner, grace):
    plan = make_plan(auto_approve=True)
    request = make_request(grace, make_product(plans=[plan], owners=[owner]), plan=plan)
    (grant,) = access.grants_of(request.app)

    with transaction():
        access.revoke_access(grant, by=owner, reason="Over.")

    assert the_mail("revoked").recipient == "grace@acme.example"


def test_nobody_is_told_what_they_did_themselves(grace):
    request = make_request(grace, plan=make_plan(auto_approve=True))

    with transaction():
        access.revoke_credential(request.credential, by=grace)

    assert mails("revoked") == []


def test_t77_a_plan_that_approves_by_itself_tells_the_requester_and_asks_nobody(grace):
    make_request(grace, plan=make_plan("Starter", auto_approve=True))

    message = the_mail("approve")
    assert "The plan Starter approved it by itself." in message.payload["text"]
    assert mails("submitted") == []


def test_t45_an_approval_that_extends_a_credential_does_not_speak_of_revealing(grace, owner):
    plan = make_plan(auto_approve=True)
    first, second = make_product(plans=[plan]), make_product(plans=[plan])
    request = make_request(grace, first, plan=plan)
    from portal import credentials

    with transaction():
        credentials.reveal(request.credential, by=grace)
    fill_cart(grace, second, plan=plan)
    with transaction():
        access.submit(request.app, by=grace, credential=request.credential)

    latest = mails("approve")[-1]
    assert f"The credential {request.credential.client_id} of your app" in latest.payload["text"]
    assert "Reveal" not in latest.payload["text"]
    assert "Reveal" not in latest.payload["html"]


def test_an_api_key_is_called_one(grace):
    plan = make_plan(auto_approve=True)

    make_request(grace, make_product(plans=[plan], auth_method=AuthMethod.API_KEY), plan=plan)

    assert "Your app has an API key for it." in the_mail("approve").payload["text"]


def test_h5_no_mail_of_the_whole_story_holds_a_secret(grace, owner):
    from portal import credentials

    plan = make_plan(auto_approve=True)
    request = make_request(grace, make_product(plans=[plan], owners=[owner]), plan=plan)
    with transaction():
        first = credentials.reveal(request.credential, by=grace).secret
    with transaction():
        second = credentials.rotate(request.credential, by=grace).secret
    with transaction():
        access.revoke_credential(request.credential, by=owner, reason="Over.")

    stored = repr([(m.subject, m.payload) for m in db.session.query(OutboxMessage)])
    for secret in (first, second, request.credential.secret_hash):
        assert secret
        assert secret not in stored


def test_a_deactivated_reviewer_gets_no_mail(grace):
    plan, gone = make_plan(), make_user(RoleName.API_OWNER)
    product = make_product(plans=[plan], owners=[gone, make_user(RoleName.API_OWNER, email="there@portico.example")])
    with transaction():
        db.session.get(User, gone.id).active = False

    make_request(grace, product, plan=plan)

    assert [m.recipient for m in mails("submitted")] == ["there@portico.example"]


def test_c114_a_mail_carries_the_id_of_the_request_that_caused_it(asked):
    from portal.events import record_access

    record_access("req-from-browser", "127.0.0.1")
    try:
        with transaction():
            access.withdraw(asked, by=asked.requester)
    finally:
        record_access("", "")

    assert the_mail("withdrawn").request_id == "req-from-browser"


def test_message_ids_carry_the_host_of_the_base_url(asked):
    assert re.fullmatch(r"<[0-9a-f]{32}@localhost>", the_mail("submitted").message_id)


def test_two_reviewers_whose_long_addresses_begin_alike_both_get_their_mail(grace):
    start = "a" * 60 + "@" + ".".join(["b" * 60, "c" * 60, "d" * 40])
    owners = [make_user(RoleName.API_OWNER, email=f"{start}.{end}.example") for end in ("one", "two")]
    plan = make_plan()

    make_request(grace, make_product(plans=[plan], owners=owners), plan=plan)

    assert len(mails("submitted")) == 2


# --- what strangers type --------------------------------------------------------------------------------------------


def test_n1_what_strangers_type_stays_one_line_in_the_subject(grace, owner):
    plan = make_plan()
    with transaction():
        app = apps.add_app("Evil", by=grace)
        app.name = "Evil\r\nBcc: all@evil.example\u2028x"

    make_request(grace, make_product(plans=[plan], owners=[owner]), plan=plan, app=app)

    subject = the_mail("submitted").subject
    assert "Evil Bcc: all@evil.example x" in subject
    assert "\n" not in subject
    assert "\r" not in subject


def test_what_strangers_type_is_text_in_the_html(grace, owner):
    plan = make_plan()
    reason = '<img src=x onerror=alert(1)> {{ config }} & "quotes"'

    make_request(grace, make_product(plans=[plan], owners=[owner]), plan=plan, reason=reason)

    payload = the_mail("submitted").payload
    assert "&lt;img src=x onerror=alert(1)&gt; {{ config }} &amp; &#34;quotes&#34;" in payload["html"]
    assert reason in payload["text"]


def test_text_that_turns_the_direction_is_kept_to_itself():
    assert clean("invoice\u202efdp.exe") == "invoicefdp.exe"
    assert clean("שלום") == "\u2068שלום\u2069"
    assert clean("plain\r\ntext\x00") == "plain\ntext"
    assert clean("Grüße 您好") == "Grüße 您好"


# --- texts that administrators write -------------------------------------------------------------------------------


def stored(kind: str, **texts: str) -> None:
    shipped = mail.shipped(kind)
    with transaction() as session:
        session.add(
            MailTemplate(
                kind=kind,
                subject=texts.get("subject", shipped.subject),
                body_text=texts.get("text", shipped.text),
                body_html=texts.get("html", shipped.html),
            )
        )


def test_d6_a_stored_text_that_is_broken_gives_way_to_the_shipped_one_and_loses_no_mail(grace):
    stored("approve", subject="{{ ''.__class__ }}", text="{% for %}", html="{{ gone }}")

    make_request(grace, plan=make_plan(auto_approve=True))

    message = the_mail("approve")
    assert message.subject.startswith("Approved: ")
    assert "Your request" in message.payload["text"]


def test_a_changed_text_is_right_in_every_process_at_once(grace):
    stored("approve", subject="One")
    make_request(grace, plan=make_plan(auto_approve=True))
    with transaction() as session:  # as another process would: nothing here was told
        template = session.get(MailTemplate, "approve")
        assert template is not None
        session.delete(template)
    stored("approve", subject="Two")

    make_request(grace, plan=make_plan(auto_approve=True))

    assert [m.subject for m in mails("approve")] == ["One", "Two"]


def test_control_characters_that_no_database_keeps_are_taken_out():
    person, seen = make_user(RoleName.ADMINISTRATOR), mail.texts_of("approve").mark

    with transaction():
        mail.save("approve", Texts("Yes\x00\x07", "Hello\x00\r\n", "<p>\x1b</p>"), seen=seen, by=person)

    assert mail.texts_of("approve") == Texts("Yes", "Hello\n", "<p></p>\n")


def test_an_empty_subject_becomes_the_name_of_the_mail(grace):
    stored("approve", subject="{% if comment %}{{ comment }}{% endif %}")

    make_request(grace, plan=make_plan(auto_approve=True))

    assert the_mail("approve").subject == "Request approved"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_shipped_text_is_in_the_language_and_its_preview_leaves_nothing_open(kind):
    sample = mail.preview(kind, mail.shipped(kind), site_name="Acme APIs")

    mail.check(kind, mail.shipped(kind))
    for part in (sample.subject, sample.text, sample.html):
        assert "{{" not in part
        assert "{%" not in part
    assert "Acme APIs" in sample.text
    assert sample.html.startswith("<!doctype html>")


@pytest.mark.parametrize(
    "text",
    [
        "{{ name.__class__ }}",
        "{{ ().__class__.__bases__ }}",
        "{{ name|attr('x') }}",
        "{{ self }}",
        "{{ range(10**9) }}",
        "{% for a in name %}x{% endfor %}",
        "{% if name == 1 %}x{% endif %}",
        "{% if name %}x{% else %}y{% endif %}",
        "{% macro x() %}{% endmacro %}",
        "{% call x() %}{% endcall %}",
        "{% filter upper %}x{% endfilter %}",
        "{% set name = 1 %}",
        "{% block x %}{% endblock %}",
        "{{ name ~ name }}",
        "{{ name if name }}",
        "{{ [name] }}",
        "{{",
        "{% endif %}",
        "{{ name }",
        "{% if %}x{% endif %}",
        "{{ " + "(" * 3000 + "name" + ")" * 3000 + " }}",
        "{{ " + "-" * 20000 + "1 }}",
    ],
)
def test_d6_nothing_but_placeholders_and_conditions_can_be_read(text):
    started = time.process_time()

    with pytest.raises(BadText):
        read(text, frozenset({"name"}))

    assert time.process_time() - started < 30  # it came to an end


def test_the_language_fills_placeholders_and_leaves_out_what_is_empty():
    steps = read("Hi {{ name }}{% if note %}, {{ note }}{% endif %}.\n{# unseen #}", frozenset({"name", "note"}))

    assert write(steps, {"name": "Ada", "note": ""}) == "Hi Ada.\n"
    assert write(steps, {"name": "Ada", "note": "{{ name }}"}) == "Hi Ada, {{ name }}.\n"


def test_texts_are_marked_by_what_they_say():
    one, two = Texts("a", "b", "c"), Texts("ab", "", "c")

    assert one.mark == Texts("a", "b", "c").mark
    assert one.mark != two.mark
