"""The page "Renew access": filled in, honest about what happens, one button; and where people find it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from portal import access, credentials, forms
from portal.access import AccessRequest, GrantState, RequestKind
from portal.accounts import RoleName, User
from portal.db import db, transaction
from tests.support.builders import demanding, make_plan, make_policy, make_product, make_stage, make_user
from tests.support.ends import MONDAY, hold, keep_time, mails
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as travelling:
        yield travelling


@pytest.fixture
def owner() -> User:
    return make_user(RoleName.API_OWNER, name="Ada Lovelace")


@pytest.fixture
def held(clock, owner) -> AccessRequest:
    """Access of 60 days, 15 days before its end."""
    plan = make_plan("Gold", credential_lifetime_days=60)
    products = [make_product(name, plans=[plan], owners=[owner]) for name in ("Payments API", "Weather API")]
    asked = hold(None, *products, plan=plan, reason="We show prices.")
    with transaction():
        access.approve(asked, by=owner)
        credentials.reveal(asked.credential, by=asked.requester)
    clock.shift(timedelta(days=45))
    return asked


def path_of(asked: AccessRequest) -> str:
    return f"/apps/{asked.app_id}/credentials/{asked.credential_id}/renew"


def renewal() -> AccessRequest:
    db.session.rollback()
    return db.session.query(AccessRequest).filter_by(kind=RequestKind.RENEWAL).one()


def test_C75_the_link_in_the_mail_leads_to_a_filled_in_page_with_one_button(browser, held):
    keep_time()
    link = next(w for w in mails("access_ending")[-1].payload["text"].split() if w.endswith("/renew"))

    page = browser(held.requester).get(link.removeprefix("http://localhost"))

    assert page.text("h1") == "Renew access"
    assert "Payments API" in page.text("#products")
    assert "Weather API" in page.text("#products")
    assert page.field("reason").get_text().strip() == "We show prices."
    assert "One answer is needed" in page.text("#outlook")
    assert "60 days from the approval" in page.text("aside")
    answer = page.press("Request renewal")
    assert answer.text("h1") == renewal().number
    assert "awaits Ada Lovelace" in answer.text()
    assert "goes on to its end meanwhile" in answer.text()


def test_a_stranger_who_follows_the_link_signs_in_first(browser, held):
    assert browser().get(path_of(held)).asks_to_sign_in


def test_others_find_no_such_page_and_colleagues_only_look(browser, held):
    assert browser(make_user(organisation="Other")).get(path_of(held)).status == 404
    with transaction():
        held.app.visibility = "organisation"
        held.app.organisation = held.requester.organisation
    colleague = make_user()
    assert browser(colleague).get(path_of(held)).status == 403
    assert browser(colleague).forge(path_of(held)).status == 403
    assert "Its owner can renew it." in browser(colleague).get(f"/apps/{held.app_id}").text()


def test_it_says_when_it_is_approved_at_once(browser, held):
    with transaction():
        held.plan.auto_approve = True

    page = browser(held.requester).get(path_of(held))
    assert "It is approved at once" in page.text("#outlook")

    answer = page.press("Request renewal")
    assert "approved at once" in answer.text()


def test_it_says_when_the_policy_would_deny_it(browser, held):
    rule = demanding()
    rule["then"] = {"outcome": "deny"}
    make_policy(rule)

    assert "This would be denied by policy" in browser(held.requester).get(path_of(held)).text("#outlook")


def test_a_second_click_asks_for_nothing_twice(browser, held):
    page = browser(held.requester).get(path_of(held))
    page.press("Request renewal")

    again = page.press("Request renewal")

    assert again.status == 409
    assert f"{renewal().number} asks for this already." in again.text("main")


def test_the_page_tells_of_a_request_that_is_under_way(browser, held):
    browser(held.requester).get(path_of(held)).press("Request renewal")

    page = browser(held.requester).get(path_of(held))

    assert "A request is under way" in page.text("main")
    assert not page.has_button("Request renewal")
    assert page.follow(f"See {renewal().number}").text("h1") == renewal().number


def test_too_early_and_too_late_are_told_with_the_way_on(browser, clock):
    asked = hold(60)
    early = browser(asked.requester).get(path_of(asked))
    assert "It is too early: this access can be renewed from 2 December 2026 on." in early.text("main")

    clock.shift(timedelta(days=61))
    late = browser(asked.requester).get(path_of(asked))
    assert "This access has ended." in late.text("main")
    assert late.follow("Browse the catalogue").status == 200
    assert browser(asked.requester).forge(path_of(asked)).status == 409


def test_what_changed_meanwhile_is_shown_and_not_sent_unseen(browser, held):
    page = browser(held.requester).get(path_of(held))
    with transaction():
        held.plan.quota_requests = 5

    answer = page.press("Request renewal")

    assert answer.status == 409
    assert "has changed since this page was shown" in answer.text(".error-summary")
    assert answer.press("Request renewal").text("h1") == renewal().number


def ask_for(product, *labels: str) -> None:
    fields = [{"label": label, "type": "text", "required": True} for label in labels]
    with transaction():
        form = forms.create_form("Questions", fields, by=None, product=product)
        forms.activate_form(form, by=None)
        forms.choose_form(product, form.key, by=None)


def test_C76_new_questions_are_asked_field_by_field_and_the_earlier_answers_stay(browser, held):
    ask_for(held.items[0].product, "Where do you keep it")
    page = browser(held.requester).get(path_of(held))
    assert page.texts("#new-questions label") == ["Where do you keep it"]
    assert not page.soup.select(".field-error")

    refused = page.press("Request renewal", Reason="Prices and more.")
    assert refused.status == 422
    assert "Where do you keep it is missing." in refused.text(".error-summary")
    assert refused.soup.select_one("#answer-where_do_you_keep_it-field .field-error")
    assert refused.field("reason").get_text().strip() == "Prices and more."

    answer = refused.press("Request renewal", **{"Where do you keep it": "In Vienna"})
    assert answer.text("h1") == renewal().number
    assert renewal().answers == {"where_do_you_keep_it": "In Vienna"}


def test_C76_answers_of_last_time_are_filled_in(browser, clock, owner):
    plan = make_plan(credential_lifetime_days=60)
    product = make_product(plans=[plan], owners=[owner])
    asked = hold(None, product, plan=plan)
    ask_for(product, "Where do you keep it")
    with transaction():
        asked.answers = {"where_do_you_keep_it": "In Graz"}
        asked.form_ids = [form.id for form in forms.forms_for([product], [plan])]
        access.approve(asked, by=owner)
        credentials.reveal(asked.credential, by=asked.requester)
    clock.shift(timedelta(days=45))

    page = browser(asked.requester).get(path_of(asked))

    assert not page.soup.select("#new-questions")
    assert page.field("Where do you keep it").get_text().strip() == "In Graz"
    page.press("Request renewal")
    assert renewal().answers == {"where_do_you_keep_it": "In Graz"}


def test_the_app_shows_what_ends_soon_and_leads_to_the_renewal(browser, held):
    page = browser(held.requester).get(f"/apps/{held.app_id}")
    assert "Access ends" in page.text(f"#credential-{held.credential_id}")

    page.follow("Renew access of Gold").press("Request renewal")

    after = browser(held.requester).get(f"/apps/{held.app_id}")
    assert "A renewal is under way" in after.text(f"#credential-{held.credential_id}")
    assert "Renew access" not in after.texts("a")


def test_before_it_is_time_the_app_offers_no_renewal(browser, clock):
    asked = hold(60)

    assert "Renew" not in browser(asked.requester).get(f"/apps/{asked.app_id}").text()


def test_my_requests_say_that_it_is_a_renewal_and_what_becomes_of_the_access(browser, held):
    page = browser(held.requester).get(path_of(held)).press("Request renewal")
    assert "Goes on to its old end until then" in page.text(".steps")

    row = browser(held.requester).get("/requests").text(f"#request-{renewal().id}")
    assert "Renewal" in row


def test_the_reviewer_sees_that_it_is_a_renewal_of_what_and_how_it_was_used(browser, held, owner, clock):
    with transaction():
        held.credential.last_used_at = MONDAY + timedelta(days=44)
    browser(held.requester).get(path_of(held)).press("Request renewal")

    assert "Renewal" in browser(owner).get("/admin/access-requests").text(f"#request-{renewal().id}")
    page = browser(owner).get(f"/admin/access-requests/{renewal().number}")
    told = page.text("#renewal")
    assert "asks to renew the access of" in page.text("main")
    assert held.number in told
    assert "1 Jan 2027" in told
    assert "1 day ago" in told

    page.press("Approve", within="#decide")
    assert renewal().status == "approved"
    (message,) = [m for m in mails("approve") if renewal().number in m.payload["text"]]
    assert "same client id and secret" in message.payload["text"]
    assert [grant.state for grant in access.grants_from(held)] == [GrantState.SUPERSEDED] * 2


def test_the_reviewer_is_told_when_the_access_has_ended_meanwhile(browser, held, owner, clock):
    clock.shift(timedelta(days=14))
    browser(held.requester).get(path_of(held)).press("Request renewal")
    clock.shift(timedelta(days=2))

    page = browser(owner).get(f"/admin/access-requests/{renewal().number}")

    assert "The access has ended meanwhile." in page.text("#renewal")


def test_looking_costs_the_same_however_many_products_are_renewed(browser, clock):
    plan = make_plan(auto_approve=True, credential_lifetime_days=20)
    few = hold(None, *(make_product(plans=[plan]) for _ in range(2)), plan=plan)
    many = hold(None, *(make_product(plans=[plan]) for _ in range(8)), plan=plan)
    visitors = [(browser(each.requester), path_of(each)) for each in (few, many)]
    counts = []
    for visitor, path in visitors:
        visitor.get(path)
        with count_queries() as counted:
            visitor.get(path)
        counts.append(len(counted))

    assert counts[0] == counts[1] <= 40


def test_a_policy_that_asks_more_of_renewals_shows_its_stage(browser, held):
    make_stage("legal", "Legal")
    rule = demanding("legal")
    rule["when"] = {"attribute": "request.kind", "is": "one_of", "value": ["renewal"]}
    make_policy(rule)

    assert "Legal" in browser(held.requester).get(path_of(held)).text("#outlook")
