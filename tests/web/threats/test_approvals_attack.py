"""Attacks on how access is decided: other people's stages, questions and files, policies as text, and odd values."""

from __future__ import annotations

import io
import json
from urllib.parse import urlencode

import pytest

from portal import access, forms, policies
from portal.access import RequestStatus
from portal.accounts import RoleName
from portal.db import db, transaction
from portal.policies import PolicyVersion
from tests.support.builders import fill_cart, make_app, make_plan, make_policy, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")
SCRIPT = b"<script>alert(1)</script>"
QUEUE = "/admin/access-requests"
RULE = {"key": "k", "because": "It is so.", "when": {"all": []}, "then": {"outcome": "deny"}}


@pytest.fixture
def admin():
    return make_user(RoleName.ADMINISTRATOR)


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def asked(owner):
    return make_request(owner=owner)


@pytest.fixture
def draft(admin):
    with transaction():
        return policies.create_draft(None, name="Draft", by=admin)


def write(browser, person, draft: PolicyVersion, text: str):
    revision = db.session.get(PolicyVersion, draft.id).version
    return browser(person).forge(f"/admin/policies/{draft.id}/json", {"json": text, "revision": str(revision)})


# --- policies ---


@pytest.mark.parametrize("sign", ["\ud800", "\x00", "\x1b"])
@pytest.mark.parametrize(
    "shape",
    [
        lambda sign: {**RULE, "because": f"Since {sign}"},
        lambda sign: {**RULE, "when": {"attribute": "plan.slug", "is": "equals", "value": sign}},
        lambda sign: {**RULE, f"more{sign}": 1},
    ],
)
def test_L_a_policy_in_json_names_no_sign_that_no_database_holds(browser, admin, draft, sign, shape):
    page = write(browser, admin, draft, json.dumps({"rules": [shape(sign)], "order": []}))

    assert page.status == 422
    assert "a character that no text can have" in page.text("main")
    assert draft.rules["rules"] == []


@pytest.mark.parametrize("moment", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "9999-12-31"])
def test_L_a_dry_run_at_the_ends_of_the_calendar_is_refused_in_words(browser, admin, draft, asked, moment):
    sample = {"requester": asked.requester.email, "product": asked.items[0].product_id, "plan": asked.plan_id}

    page = browser(admin).get(f"/admin/policies/{draft.id}/dry-run", query_string={**sample, "at": moment})

    assert page.status == 200
    assert "The moment must lie between 1970 and 2999." in page.text("main")


def test_A_a_replay_counts_the_requests_of_others_and_does_not_name_them(browser, admin, owner, asked):
    elsewhere = make_request(owner=make_user(RoleName.API_OWNER))
    make_policy()
    with transaction():
        wanted = policies.create_draft({"rules": [RULE], "order": []}, name="Stop", by=admin)

    mine = browser(owner).get(f"/admin/policies/{wanted.id}/replay")
    everything = browser(admin).get(f"/admin/policies/{wanted.id}/replay")

    assert asked.number in mine.html
    assert elsewhere.number not in mine.html
    assert "2 of 2" in mine.text("main")
    assert elsewhere.number in everything.html


@pytest.mark.parametrize("verb", ["", "/rows", "/json", "/ask", "/send-back", "/activate", "/discard", "/copy"])
def test_B_the_rules_of_a_product_are_for_its_owners_alone(browser, owner, asked, verb):
    other = make_user(RoleName.API_OWNER)
    with transaction():
        own = policies.create_draft(None, name="Ours", product=asked.items[0].product, by=owner)

    page = browser(other).forge(f"/admin/policies/{own.id}{verb}", {"json": "{}", "revision": str(own.version)})

    assert page.status == 403
    assert len(policies.policy_versions()) == 1


# --- deciding ---


def test_A_stages_and_questions_of_other_requests_cannot_be_reached_through_ones_own(browser, owner, asked):
    other = make_request(owner=make_user(RoleName.API_OWNER))
    foreign = other.stages[0]
    with transaction():
        question = access.ask(other, by=foreign.assignees[0].user, question="Why?")
    me, colleague = browser(owner), make_user(RoleName.API_OWNER)
    at = f"{QUEUE}/{asked.number}"
    fields = {"stage": str(foreign.id), "reason": "x", "back_reason": "x", "pass_reason": "x", "to": colleague.email}

    told = [me.forge(f"{at}/{verb}", fields).status for verb in ("approve", "reject", "claim", "step-back", "pass-on")]
    taken_back = me.forge(f"{at}/questions/{question.id}/take-back")
    answered = browser(asked.requester).forge(f"/requests/{asked.number}/questions/{question.id}/answer", fields)

    assert set(told) <= {403, 409}
    assert (taken_back.status, answered.status) == (404, 404)
    assert {asked.status, other.status} == {RequestStatus.PENDING}
    assert [a.user_id for a in foreign.active_assignees] == [foreign.assignees[0].user_id]


def test_R_a_lower_plan_that_is_no_longer_offered_does_not_become_the_higher_one(browser, owner):
    """A reviewer who chose less must not approve more, because the plan was closed or the number was made up."""
    plan = make_plan()
    asked = make_request(make_user(), make_product(plans=[plan], owners=[owner]), plan=plan)

    for chosen in (str(make_plan().id), "9" * 40, "-1", "none"):
        page = browser(owner).forge(f"{QUEUE}/{asked.number}/approve", {"plan": chosen})

        assert page.status == 422
        assert "not offered instead any more" in page.text("main")
    assert asked.status is RequestStatus.PENDING


def test_A_a_kept_filter_is_nobody_elses_and_leads_nowhere_else(browser, owner):
    me = browser(owner)
    me.forge("/admin/saved-filters", {"name": "x", "query": "status=pending&next=//evil.example&q=//evil.example"})
    (kept,) = access.filters_of(owner)

    gone = browser(make_user(RoleName.API_OWNER)).forge(f"/admin/saved-filters/{kept.id}/delete")

    assert gone.status == 404
    assert "next=" not in kept.query
    assert all(link.startswith("/admin/") for link in _links(me.get("/admin/my-work"), kept.name))


# --- request forms ---


@pytest.fixture
def filled():
    """Somebody whose cart asks for a file."""
    person, plan = make_user(), make_plan()
    product = make_product(plans=[plan])
    with transaction():
        form = forms.create_form("Questions", [{"key": "d", "label": "Design", "type": "file"}], by=None)
        forms.activate_form(form, by=None)
        forms.choose_form(product, form.key, by=None)
    fill_cart(person, product, plan=plan)
    make_app(person)
    return person


@pytest.mark.parametrize("path", ["/cart/draft", "/cart/check", "/cart/outlook", "/cart/submit"])
def test_L_thousands_of_files_named_by_a_form_are_no_query_too_long(browser, filled, path):
    me = browser(filled)
    token = me.get("/cart").soup.find("input", attrs={"name": "csrf_token"})["value"]
    sent = [("csrf_token", token), *(("kept-d", number) for number in range(1, 70_000))]

    page = me.post(path, urlencode(sent), content_type="application/x-www-form-urlencoded")

    assert page.status < 500
    draft = forms.draft_of(filled)
    assert draft is None or len(draft.typed["answers"]["d"]) <= forms.MOST_FILES + 1


def test_A_a_file_of_somebody_else_is_not_handed_in_by_its_key(browser, filled):
    stranger = make_user()
    with transaction():
        theirs = forms.add_file(forms.read_file("plan.txt", b"secret"), by=stranger)

    page = browser(filled).forge("/cart/draft", {"kept-d": [str(theirs.id)]})
    browser(filled).get("/cart").press("Submit request", **{"App name": "Mine", "Reason": "x"})

    assert "plan.txt" not in page.html
    (made,) = access.requests_of(filled)
    assert made.answers == {}
    assert browser(filled).get(f"/requests/{made.number}/files/{theirs.id}").status == 404


def test_M_a_page_in_disguise_is_no_file_and_a_script_runs_nowhere(browser, filled):
    page = browser(filled).get("/cart")

    refused = page.press("Save draft", Design=(io.BytesIO(SCRIPT), "x.png"))
    kept = page.press("Save draft", Design=(io.BytesIO(SCRIPT), 'a"><b>.html.txt'))

    assert refused.status == 422
    assert "<script>alert" not in kept.html
    assert "<b>" not in kept.html


# --- odd forms ---


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/admin/delegations", "to"),
        ("/admin/access-requests/{number}/approve", "stage"),
        ("/admin/access-requests/{number}/add-stage", "because"),
        ("/admin/stages/new", "key"),
        ("/admin/groups/new", "name"),
        ("/account/email", "password"),
        ("/apps/new", "name"),
        ("/cart/submit", "reason"),
    ],
)
def test_L_a_file_in_the_place_of_a_text_is_refused(browser, asked, path, name):
    everything = make_user(*RoleName)

    page = browser(everything).forge(path.format(number=asked.number), {name: (io.BytesIO(b"x"), "x.txt")})

    assert page.status == 400


def _links(page, name: str) -> list[str]:
    return [str(link["href"]) for link in page.soup.find_all("a", href=True) if name in link.get_text()]
