"""Who hears of a leaked secret, who reads the reports, and what nobody reads."""

import pytest
from sqlalchemy import select

from portal import lifecycle
from portal.accounts import RoleName
from portal.catalog import LeakAction
from portal.db import db
from portal.events import OutboxMessage
from tests.support.builders import make_plan, make_user
from tests.support.programs import make_program
from tests.web.oauth.leaks.reporting import WHERE, leaky, mails, report


@pytest.mark.parametrize("action", list(LeakAction))
def test_the_owner_the_product_s_owners_and_security_are_told_once_each(app, action):
    owner, security = make_user(RoleName.API_OWNER), make_user(RoleName.SECURITY_REVIEWER)
    make_user(RoleName.API_OWNER), make_user(RoleName.ADMINISTRATOR)
    program = leaky(app, action, owners=[owner])
    before = len(db.session.scalars(select(OutboxMessage.id)).all())

    report(app, program.secret)

    told = {mail.recipient: mail.payload["text"] for mail in mails()}
    assert set(told) == {program.request.requester.email, owner.email, security.email}
    assert len(db.session.scalars(select(OutboxMessage.id)).all()) == before + 3, "and no second mail says it again"
    own = " ".join(told[program.request.requester.email].split())
    assert WHERE in own
    assert ("ask for access again" in own) == (action is LeakAction.REVOKE)
    assert ("rotate the secret" in own) == (action is LeakAction.ROTATE)
    assert "/admin/leaks" in told[security.email]


def test_I13_an_address_that_holds_the_secret_is_told_without_it(app, program):
    quoted = "".join(f"%{ord(sign):02X}" for sign in program.secret)
    for url in (f"https://x.example/?key={program.secret}#L1\r\n", f"https://x.example/?key={quoted}"):
        report(app, program.secret, url=url)
        other = make_program(app)
        report(app, other.secret, url=f"https://x.example/{other.secret}/{program.secret}")

    for table in db.metadata.tables.values():
        for row in db.session.execute(table.select()):
            assert program.secret not in str(row), table.name
            assert quoted not in str(row), table.name
    assert "…" in str([told.url for told in lifecycle.leak_reports()])


def test_people_who_may_read_the_reports_and_others_not(app, browser, program):
    report(app, program.secret, url="javascript:alert(1)//<script>")
    name = program.request.app.name

    for role in (RoleName.SECURITY_REVIEWER, RoleName.AUDITOR, RoleName.ADMINISTRATOR, RoleName.API_OWNER):
        page = browser(make_user(role)).get("/admin/leaks")
        assert name in page.text("table")
        assert "Credential revoked" in page.text("table")
        assert not page.soup.select("table a[href^=javascript], table script")
    for role in (RoleName.CONSUMER, RoleName.REVIEWER, RoleName.PLAN_MANAGER):
        assert browser(make_user(role)).get("/admin/leaks").status == 403


def test_a_plan_says_what_is_done(browser):
    plan = make_plan()
    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/plans/{plan.id}")

    page.press("Save changes", **{"When a secret leaks": "rotate"})

    db.session.refresh(plan)
    assert plan.leak_action is LeakAction.ROTATE
