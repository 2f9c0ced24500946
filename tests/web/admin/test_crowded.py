"""Pages that hold much: numbers say that they stopped counting, long paths stand upright, lists read as lists."""

import pytest
from flask import render_template_string

from portal import access
from portal.accounts import RoleName
from portal.db import now, transaction
from portal.events import EventKind, record
from tests.support.builders import demanding, make_app, make_plan, make_policy, make_product, make_request, make_user
from tests.support.records import events_of

pytestmark = pytest.mark.usefixtures("app")
DRAWN = '{% import "macros/flow.html" as flow %}{{ flow.steps(steps) }}'


def test_what_waits_is_counted_to_a_hundred_and_says_so(browser, monkeypatch):
    monkeypatch.setattr(access, "count_waiting_for", lambda person: 101)

    page = browser(make_user(RoleName.API_OWNER)).get("/admin/")

    assert page.text("#waiting-count") == "100+"
    assert "Waiting for you 100+" in page.text("main")


@pytest.mark.parametrize(("count", "upright"), [(5, False), (6, True)])
def test_a_path_of_many_steps_stands_upright(app, count, upright):
    steps = [{"label": f"Step {number}", "detail": "Ada", "state": "todo"} for number in range(count)]

    with app.test_request_context():
        drawn = render_template_string(DRAWN, steps=steps, now=now())

    assert ("steps-many" in drawn) is upright


def test_a_name_written_from_right_to_left_does_not_turn_the_sentence_around_it(browser):
    owner, asker = make_user(RoleName.API_OWNER), make_user(name="محمد")
    plan = make_plan()
    product = make_product(plans=[plan], owners=[owner])
    asked = make_request(asker, product, plan=plan, app=make_app(asker, "Shop"))

    lead = browser(owner).get(f"/admin/access-requests/{asked.number}").soup.select_one("p.lead")

    assert lead.get_text(" ", strip=True) == "محمد asks for access for Shop"
    assert [name.text for name in lead.select("bdi")] == ["محمد", "Shop"]


def test_a_list_in_the_record_reads_as_a_list(browser):
    auditor, product = make_user(RoleName.AUDITOR), make_product()
    with transaction():
        record(EventKind.PRODUCT_CHANGED, subject=product, by=None, before={"tags": []}, after={"tags": ["a", "b"]})

    page = browser(auditor).get(f"/admin/audit/{events_of(product)[-1].id}")

    assert page.text("main table tbody tr") == "tags – a, b"


def test_stages_that_nobody_comes_to_any_more_say_so(browser):
    owner = make_user(RoleName.API_OWNER)
    make_user(RoleName.SECURITY_REVIEWER)
    make_policy(demanding("owner", "security"), order=[["owner"], ["security"]])
    asked = make_request(owner=owner)
    with transaction():
        access.reject(asked, by=owner, reason="No.")

    page = browser(owner).get(f"/admin/access-requests/{asked.number}")

    assert "not needed any more" in page.text(".steps .step-skipped")
