"""One access as the app's own people see it, suspending it, and asking for another plan, in a browser."""

import pytest

from portal import access, credentials, forms
from portal.access import GrantState, RequestKind, RequestStatus
from portal.accounts import RoleName
from portal.apps import Visibility
from portal.db import transaction
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_request, make_user
from tests.support.queries import count_queries
from tests.web.live.apps.places import app_path

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def grant(held):
    (found,) = access.grants_of(held.app)
    return found


def page_of(held, grant):
    return app_path(held, f"/access/{grant.id}")


def test_C73_the_page_of_an_access_shows_its_terms_and_its_history(browser, person, held, grant):
    here = browser(person).get(app_path(held)).follow("Payments", within="#access")

    assert here.path == page_of(held, grant)
    assert "Free" in here.text("#terms")
    assert grant.terms_hash in here.text("#terms")
    for scope in grant.scopes:
        assert scope in here.text("#terms")
    assert here.texts(".timeline-title") == ["Access given", "Credential issued"]
    assert held.number in here.text("aside")
    assert here.follow(held.number).status == 200


def test_C77_suspended_with_a_press_and_undone_from_the_message(browser, person, held, grant):
    here = browser(person).get(page_of(held, grant)).press("Suspend access", within="#confirm-suspend")

    assert here.path == page_of(held, grant)
    assert here.text("h1 ~ .page-header-badge") == "Suspended"
    assert "Suspended: Payments refuses the app from now on." in here.text("#messages")
    assert "Suspended" in browser(person).get(app_path(held)).text(f"#access-{grant.id}")
    assert access.find_entitlement(grant.credential.client_id).openings == ()

    here = here.press("Undo", within="#messages")
    assert "works again" in here.text("#messages")
    assert not here.has_button("Undo", within="#messages")
    assert access.find_entitlement(grant.credential.client_id).openings


def test_C77_a_reason_is_needed(browser, person, held, grant):
    for act in ("Suspend access", "Revoke access"):
        here = browser(person).get(page_of(held, grant)).press(act, Reason=" ")

        assert here.status == 422
        assert "Give a reason" in here.text(".notice-bad")
    assert grant.is_live


def test_given_up_it_goes_to_the_history_of_the_app(browser, person, held, grant):
    here = browser(person).get(page_of(held, grant)).press("Revoke access", Reason="We have moved on.")

    assert here.path == app_path(held)
    assert "The access to Payments has been revoked." in here.text("#messages")
    here = here.follow("Payments")
    assert "We have moved on." in here.text("main")
    assert not here.has_button("Suspend access")


def test_what_the_products_owner_suspended_has_no_button_for_the_apps_people(browser, person, free):
    owner = make_user(RoleName.API_OWNER)
    product = make_product("Weather", plans=[free], owners=[owner])
    request = make_request(person, product, plan=free, app=make_app(person, "Sky"))
    (grant,) = access.grants_of(request.app)
    with transaction():
        access.suspend_access(grant, by=owner, reason="Too many calls.")

    here = browser(person).get(page_of(request, grant))

    assert "Too many calls." in here.text(".notice-pending")
    assert not here.has_button("Resume access")
    assert browser(person).forge(page_of(request, grant) + "/resume").status == 403
    assert grant.state is GrantState.SUSPENDED


def test_a_colleague_reads_and_does_nothing(browser, free):
    ada, bob = make_user(name="Ada"), make_user(name="Bob")
    app = make_app(ada, "Shared", visibility=Visibility.ORGANISATION)
    request = make_request(ada, make_product("Weather", plans=[free]), plan=free, app=app)
    (grant,) = access.grants_of(request.app)

    here = browser(bob).get(page_of(request, grant))

    assert here.status == 200
    assert not here.soup.select("main form")
    for act in ("suspend", "resume", "revoke"):
        assert browser(bob).forge(f"{page_of(request, grant)}/{act}", {"reason": "x"}).status == 403
    assert browser(make_user(organisation="Elsewhere")).get(page_of(request, grant)).status == 404


# --- another plan ------------------------------------------------------------------------------------------------


@pytest.fixture
def gold(held):
    plan = make_plan("Gold", quota_requests=9000, reason_required=True)
    make_product(plans=[plan])
    with transaction():
        credentials.reveal(held.credential, by=held.requester)
    return plan


def test_T48_T49_asked_for_in_a_browser_and_both_plans_are_shown_until_it_is_decided(browser, person, held, gold):
    here = browser(person).get(app_path(held)).follow(f"Change plan of {held.credential.name}")
    assert "9,000 requests" in here.text("#changes")
    assert "Free" in here.text("#changes")

    refused = here.press("Ask for Gold", Reason="")
    assert refused.status == 422
    assert "asks for a reason" in refused.text(".error-summary")

    here = refused.press("Ask for Gold", Reason="We grow.")
    (request,) = [r for r in access.requests_of(person) if r.kind is RequestKind.PLAN_CHANGE]
    assert here.path == f"/requests/{request.number}"

    app_page = browser(person).get(app_path(held))
    card = app_page.text(f"#credential-{held.credential_id}")
    assert "Free (current) Gold pending" in card
    assert "Change plan" not in card


def test_T49_while_one_is_pending_the_page_leads_to_it(browser, person, held, gold):
    here = browser(person).get(app_path(held, f"/credentials/{held.credential_id}/plan"))
    here.press("Ask for Gold", Reason="We grow.")

    here = browser(person).get(app_path(held, f"/credentials/{held.credential_id}/plan"))

    assert not here.has_button("Ask for Gold")
    assert "Gold" in here.text(".notice")
    assert browser(person).forge(here.path, {"plan": gold.id, "reason": "Again."}).status == 409


def test_several_plans_are_chosen_from(browser, person, held, gold):
    silver = make_plan("Silver", auto_approve=True)
    make_product(plans=[silver])
    here = browser(person).get(app_path(held, f"/credentials/{held.credential_id}/plan"))
    assert not here.soup.select("#changes")

    here = here.follow("Choose Silver").press("Ask for Silver")

    (request,) = [r for r in access.requests_of(person) if r.kind is RequestKind.PLAN_CHANGE]
    assert request.status is RequestStatus.APPROVED
    assert "at once" in here.text("#messages")
    assert held.credential.plan == silver


def test_the_answers_of_last_time_are_filled_in(browser, person, held, gold):
    field = {"key": "purpose", "label": "Purpose", "type": "text", "required": True}
    with transaction():
        form = forms.create_form("Gold form", [field], by=None)
        forms.activate_form(form, by=None)
        forms.choose_form(gold, form.key, by=None)
        held.answers = {"purpose": "Prices"}

    here = browser(person).get(app_path(held, f"/credentials/{held.credential_id}/plan"))
    assert "Prices" in str(here.field("answer-purpose"))

    refused = here.press("Ask for Gold", Reason="We grow.", **{"answer-purpose": ""})
    assert refused.status == 422

    refused.press("Ask for Gold", Reason="We grow.", **{"answer-purpose": "Journeys"})
    (request,) = [r for r in access.requests_of(person) if r.kind is RequestKind.PLAN_CHANGE]
    assert request.answers == {"purpose": "Journeys"}


def test_a_page_of_an_app_with_many_accesses_takes_no_more_queries(browser, person, held, free):
    here = browser(person)
    with count_queries() as few:
        here.get(app_path(held))
    products = [make_product(plans=[free]) for _ in range(6)]
    fill_cart(person, *products, plan=free)
    with transaction():
        access.submit(held.app, by=person, credential=held.credential)

    with count_queries() as many:
        here.get(app_path(held))

    assert len(many) <= len(few) + 1
