"""C40: what a stage adds to the mail that asks its reviewers, with placeholders that are looked at when it is saved."""

import pytest

from portal import access
from portal.accounts import RoleName
from portal.db import db, transaction
from portal.events import OutboxMessage
from portal.mail.lateness import told
from portal.mail.texts import LONGEST_WRITTEN_NOTICE, notice_in
from portal.policies import stage_templates
from tests.support.builders import (
    demanding,
    make_app,
    make_group,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_stage,
    make_user,
)

pytestmark = pytest.mark.usefixtures("app")
NOTICE = "Read the sheet of {{ products }}.\n{% if reason %}They say: {{ reason }}{% endif %}"


def mails(kind="submitted"):
    db.session.expire_all()
    return db.session.query(OutboxMessage).filter(OutboxMessage.kind == kind).order_by(OutboxMessage.id).all()


def asked(notice, *members):
    make_stage("legal", "Legal", notice=notice)
    make_group("legal", *members)
    make_policy(demanding("owner", "legal"), order=[["owner", "legal"]])
    plan, person = make_plan(), make_user()
    product = make_product("Payments <&> API", plans=[plan], owners=[make_user(RoleName.API_OWNER)])
    return make_request(person, product, plan=plan, app=make_app(person), reason="For {{ us }}.")


def test_C40_the_text_of_a_stage_stands_in_its_own_mail_with_its_values():
    counsel = make_user()
    asked(NOTICE, counsel)

    by_person = {mail.recipient: mail.payload for mail in mails()}
    own = by_person.pop(counsel.email)
    assert "Read the sheet of Payments <&> API.\nThey say: For {{ us }}." in own["text"]
    assert "Read the sheet of Payments &lt;&amp;&gt; API." in own["html"]
    assert by_person
    assert not any("sheet" in payload["text"] for payload in by_person.values())


def test_C40_whoever_gets_a_stage_passed_on_reads_it_too():
    counsel, other = make_user(), make_user(RoleName.REVIEWER)
    request = asked(NOTICE, counsel)
    stage = next(stage for stage in request.stages if stage.key == "legal")

    with transaction():
        access.reassign(request, other, by=counsel, stage_id=stage.id, reason="Yours.")

    assert "Read the sheet of Payments <&> API." in mails("reassigned")[0].payload["text"]


def test_D6_a_text_made_of_long_reasons_does_not_swell_the_mail():
    notice = notice_in("{{ reason }}" * 160, {"reason": "x" * 4000})

    assert len(notice) == LONGEST_WRITTEN_NOTICE


def test_C40_a_stored_text_that_cannot_be_read_is_left_out_and_loses_no_mail():
    counsel = make_user()
    asked("{{ config }} {% for x in products %}", counsel)

    (own,) = [mail for mail in mails() if mail.recipient == counsel.email]
    assert "config" not in own.payload["text"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("Look at {{ api_title }}.", "There is no placeholder “api_title” here"),
        ("{{ recipient_name }}", "There is no placeholder “recipient_name” here"),
        ("{{ products.__class__ }}", "An attribute is not possible here"),
        ("{% for x in products %}{% endfor %}", "A loop is not possible here"),
        ("{{ products", "This cannot be read"),
        ("x" * 2_001, "at most 2,000 characters"),
    ],
)
@pytest.mark.parametrize("path", ["/admin/stages/new", "/admin/stages/security"])
def test_C40_an_unknown_placeholder_is_refused_when_it_is_saved(browser, path, typed, said):
    make_user(RoleName.SECURITY_REVIEWER)
    page = browser(make_user(RoleName.ADMINISTRATOR)).get(path)
    label, named = ("Make the stage", {"Name": "Privacy", "Key": "privacy", "sources": ["owners"]})
    if not path.endswith("new"):
        label, named = "Save changes", {}

    refused = page.press(label, notice=typed, **named)

    assert refused.status == 422
    assert said in refused.text("#stage-form")
    assert refused.text("[name=notice]") == typed
    assert not stage_templates()["security"].notice
    assert "privacy" not in stage_templates()


def test_C40_a_sound_text_is_saved_and_shown_again(browser):
    make_user(RoleName.SECURITY_REVIEWER)
    here = browser(make_user(RoleName.ADMINISTRATOR))
    page = here.get("/admin/stages/security")

    saved = page.press("Save changes", notice="Mind {{ products }}.\r\nAnd {{ plan }}.")

    assert stage_templates()["security"].notice == "Mind {{ products }}.\nAnd {{ plan }}."
    assert saved.text("[name=notice]") == "Mind {{ products }}. And {{ plan }}."
    assert "organisation" in saved.text("#naming")


def test_the_mail_about_a_task_asks_for_work_and_says_by_when():
    admin = make_user()
    make_stage("it", "Hands", kind="task", checklist=["Open the gate"])
    make_group("it", admin)
    make_policy(demanding("owner", "it"), order=[["owner", "it"]])
    plan, person = make_plan(), make_user()
    product = make_product("Payments", plans=[plan], owners=[make_user(RoleName.API_OWNER)])
    request = make_request(person, product, plan=plan, app=make_app(person), reason="Soon.")

    work = next(mail.payload["text"] for mail in mails() if mail.recipient == admin.email)
    due = next(stage.due_at for stage in request.stages if stage.key == "it")
    assert due is not None
    assert "it is your turn to do what it needs" in work
    assert "tick it and mark it as done" in work
    assert "Environment:   Test" in work
    assert "Your part:     Hands" in work
    assert f"Due:           {told(due)}" in work
    assert not any("checklist" in mail.payload["text"] for mail in mails() if mail.recipient != admin.email)
