"""My work, Out of office, the filters of the queue, and what is late in it."""

from datetime import timedelta

import pytest

from portal import access
from portal.accounts import RoleName
from portal.db import db, now, transaction
from portal.events import OutboxMessage
from tests.support.builders import demanding, make_group, make_plan, make_policy, make_product, make_request, make_user
from tests.support.queries import count_queries
from tests.web.admin.deciding.pages import QUEUE

pytestmark = pytest.mark.usefixtures("app")
WORK, AWAY = "/admin/my-work", "/admin/delegations"


def late(request, hours=1):
    with transaction():
        for stage in request.stages:
            stage.due_at = now() - timedelta(hours=hours)


def stand_in(to, for_):
    with transaction():
        access.delegate(to, by=for_, starts_at=now() - timedelta(hours=1), ends_at=now() + timedelta(days=1))


# --- my work ---


def test_my_work_parts_what_is_for_me_for_my_group_and_for_whom_i_stand_in(browser, owner):
    colleague = make_user(RoleName.API_OWNER, name="Cleo")
    make_group("legal", owner)
    mine, theirs = make_request(owner=owner), make_request(owner=colleague)
    stand_in(owner, colleague)
    make_policy(demanding("legal"))
    plan = make_plan(auto_approve=True)
    of_group = make_request(None, make_product(plans=[plan]), plan=plan)

    page = browser(owner).get(WORK)

    parts = {s.h2.get_text(): " ".join(s.get_text(" ").split()) for s in page.soup.select("main .section")}
    assert mine.number in parts["For you"]
    assert of_group.number in parts["For your groups"]
    assert "Legal" in parts["For your groups"]
    assert theirs.number in parts["For whom you stand in"]
    assert "for Cleo" in parts["For whom you stand in"]
    opened = page.follow(theirs.number)
    assert "You stand in for Cleo" in opened.text("#decide")
    opened.press("Approve")
    assert theirs.number not in browser(owner).get(WORK).text("main")


def test_what_is_late_comes_first_and_says_so(browser, owner):
    first, second = make_request(owner=owner), make_request(owner=owner)
    late(second)

    page = browser(owner).get(WORK)

    assert page.texts("tbody th a") == [second.number, first.number]
    assert "Overdue" in page.text(f"#work-{second.stages[0].id}")
    assert "Overdue" not in page.text(f"#work-{first.stages[0].id}")


def test_my_work_shows_the_questions_that_wait_for_an_answer(browser, owner):
    request = make_request(owner=owner)
    with transaction():
        access.ask(request, by=owner, question="How many?")

    page = browser(owner).get(WORK)

    assert "Nothing waits for you" in page.text("main")
    assert "How many?" in page.text("main")
    assert request.number in page.text("main")


def test_my_work_is_for_those_who_decide(browser):
    for role in (RoleName.AUDITOR, RoleName.PLAN_MANAGER, RoleName.CONSUMER):
        assert browser(make_user(role)).get(WORK).status == 403
    page = browser(make_user(RoleName.API_OWNER)).get("/admin/")
    assert page.follow("My work").path == WORK
    assert page.follow("Out of office").path == AWAY


def test_my_work_needs_as_many_queries_for_many_as_for_few(browser, owner):
    make_group("legal", owner)
    make_policy(demanding("owner", "legal"))
    make_request(owner=owner)
    here = browser(owner)
    here.get(WORK)
    with count_queries() as few:
        here.get(WORK)
    for _ in range(6):
        make_request(owner=owner)

    with count_queries() as many:
        here.get(WORK)

    assert len(many) == len(few), "\n".join(many)
    assert len(many) <= 14


# --- out of office ---


def days(first, last):
    today = now().date()
    return {
        "From": (today + timedelta(days=first)).isoformat(),
        "Until": (today + timedelta(days=last)).isoformat(),
    }


def test_somebody_stands_in_from_the_page_and_either_of_the_two_ends_it(browser, owner):
    deputy = make_user(RoleName.API_OWNER, name="Dora")
    request = make_request(owner=owner)

    page = (
        browser(owner)
        .get(AWAY)
        .press("Let them stand in", Reason="On holiday.", **{"Who stands in for you": deputy.email}, **days(0, 7))
    )
    assert "Dora stands in for you" in page.text("#messages")
    assert "On holiday." in page.text("#given")
    (mail,) = db.session.query(OutboxMessage).filter_by(kind="delegated").all()
    assert (mail.recipient, "On holiday." in mail.payload["text"]) == (deputy.email, True)

    theirs = browser(deputy)
    assert request.number in theirs.get(WORK).text("main")
    ended = theirs.get(AWAY).press("End it")
    assert "Ended" in ended.text("#taken")
    assert not access.may_decide(request, deputy)
    assert not ended.has_button("End it")


@pytest.mark.parametrize(
    ("to", "first", "last", "said"),
    [
        ("nobody@nowhere.example", 0, 7, "Nobody with this address can review"),
        ("", 0, 7, "Enter the address"),
        ("self", 0, 7, "somebody else than yourself"),
        ("deputy", 5, 2, "must come after"),
        ("deputy", 0, 90, "at most 60 days"),
        ("consumer", 0, 7, "Nobody with this address can review"),
    ],
)
def test_a_delegation_that_cannot_be_is_refused_in_words_and_nothing_is_lost(browser, owner, to, first, last, said):
    people = {"self": owner, "deputy": make_user(RoleName.API_OWNER), "consumer": make_user()}
    address = people[to].email if to in people else to

    page = (
        browser(owner)
        .get(AWAY)
        .press("Let them stand in", Reason="Away", **{"Who stands in for you": address}, **days(first, last))
    )

    assert page.status == 422
    assert said in page.text(".error-summary")
    assert page.field("Reason")["value"] == "Away"
    assert list(access.delegations_of(owner)) == []


def test_a_second_delegation_for_the_same_days_is_refused(browser, owner):
    deputy = make_user(RoleName.API_OWNER)
    page = browser(owner).get(AWAY)
    given = {"Who stands in for you": deputy.email, **days(0, 7)}
    page.press("Let them stand in", **given)

    twice = page.press("Let them stand in", **given)

    assert twice.status == 409
    assert "already" in twice.text(".error-summary")
    assert len(access.delegations_of(owner)) == 1


def test_somebody_elses_delegation_is_not_found(browser, owner):
    deputy = make_user(RoleName.API_OWNER)
    stand_in(deputy, owner)
    key = access.delegations_of(owner)[0].id

    assert browser(make_user(RoleName.API_OWNER)).forge(f"{AWAY}/{key}/end").status == 404
    assert access.delegations_of(owner)[0].is_live


# --- the queue ---


def test_the_queue_has_the_late_ones_first_across_its_pages(browser, owner, monkeypatch):
    monkeypatch.setattr("admin.access_requests.PAGE_SIZE", 2)
    made = [make_request(owner=owner) for _ in range(5)]
    for request in made[2:]:
        late(request)

    page = browser(owner).get(QUEUE)
    seen = page.texts("tbody th a")
    while page.soup.find("a", rel="next"):
        page = page.follow("Next page")
        seen += page.texts("tbody th a")

    assert seen == [request.number for request in made[2:] + made[:2]]
    assert browser(owner).get(f"{QUEUE}?overdue=1").texts("tbody th a") == [r.number for r in made[2:4]]


def test_the_queue_filters_by_stage_and_has_tabs_for_every_end(browser, owner):
    make_group("legal", make_user())
    plain = make_request(owner=owner)
    asked = make_request(owner=owner)
    with transaction():
        access.add_stage(asked, "legal", by=owner, because="So.")
    here = browser(owner)

    assert here.get(f"{QUEUE}?stage=legal").texts("tbody th a") == [asked.number]
    assert here.get(f"{QUEUE}?stage=owner").texts("tbody th a") == [plain.number, asked.number]
    assert here.get(f"{QUEUE}?stage=nonsense").status == 404
    for word in ("expired", "denied"):
        assert here.get(f"{QUEUE}?status={word}").status == 200


def test_C135_the_queue_filters_by_how_long_requests_wait(browser, owner):
    requests = [make_request(owner=owner) for _ in range(3)]
    for request, days in zip(requests, (1, 5, 40), strict=True):
        with transaction():
            request.submitted_at = now() - timedelta(days=days)
    here = browser(owner)
    page = here.get(QUEUE)
    assert page.soup.select_one(".paging-count") is None

    for chosen, found in {"2": requests[1:], "7": requests[2:], "30": requests[2:]}.items():
        page = page.press("Search", **{"Waiting over": chosen})
        assert f"older={chosen}" in page.path
        assert page.texts("tbody th a") == [request.number for request in found]
        assert page.text(".paging-count") == ("2 requests" if len(found) == 2 else "1 request")
        assert page.soup.select_one("#age-filter option[selected]")["value"] == chosen
    assert here.get(f"{QUEUE}?older=2&mine=1").texts("tbody th a") == [request.number for request in requests[1:]]

    kept = page.press("Save filter", **{"Name of this filter": "Old ones"}).follow("Old ones")

    assert kept.texts("tbody th a") == [requests[2].number]
    (approved,) = [link for link in kept.soup.select("main a") if link.text.strip().startswith("Approved")]
    assert "older" not in approved["href"]
    assert here.get(f"{QUEUE}?older=3").status == 404
    assert here.get(f"{QUEUE}?older=7&status=all").texts("tbody th a") == [r.number for r in requests[::-1]]


def test_an_age_costs_one_query_more_for_its_count(browser, owner):
    counts = []
    for number in (2, 5):
        for _ in range(number):
            request = make_request(owner=owner)
            with transaction():
                request.submitted_at = now() - timedelta(days=5)
        here = browser(owner)
        for query in ("", "?older=2"):
            here.get(QUEUE)
            with count_queries() as counted:
                assert here.get(QUEUE + query).status == 200
            counts.append(len(counted))

    assert counts[0] == counts[2]
    assert counts[1] == counts[3] == counts[0] + 1


def test_a_filter_is_kept_under_a_name_and_thrown_away(browser, owner):
    here = browser(owner)
    page = here.get(f"{QUEUE}?status=pending&overdue=1&after=7")

    kept = page.press("Save filter", **{"Name of this filter": "Late ones"})
    assert "Saved as Late ones" in kept.text("#messages")
    assert here.get(WORK).follow("Late ones").path == f"{QUEUE}?status=pending&overdue=1"
    assert "already have a filter" in page.press("Save filter", **{"Name of this filter": "Late ones"}).text(
        "#messages"
    )
    assert "a name" in page.press("Save filter", **{"Name of this filter": " "}).text("#messages")
    assert [each.query for each in access.filters_of(owner)] == ["status=pending&overdue=1"]

    here.get(QUEUE).press("Delete the filter Late ones")
    assert list(access.filters_of(owner)) == []


def test_filters_are_their_owners_and_lead_nowhere_else(browser, owner):
    browser(owner).forge("/admin/saved-filters", {"name": "x", "query": "next=//evil.example&status=pending"})
    (kept,) = access.filters_of(owner)
    assert kept.query == "status=pending"

    assert browser(make_user(RoleName.API_OWNER)).forge(f"/admin/saved-filters/{kept.id}/delete").status == 404
    assert browser(make_user()).forge("/admin/saved-filters", {"name": "x", "query": "status=all"}).status == 403
