"""What a reviewer sees after answering in the queue: words, counts, and nothing typed lost."""

from __future__ import annotations

import pytest

from portal import access
from portal.access import RequestStatus
from portal.accounts import RoleName
from portal.db import transaction
from tests.support.builders import make_request, make_user

pytestmark = pytest.mark.usefixtures("app")
QUEUE = "/admin/access-requests"


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER, name="Olga Owner")


def test_T63_approving_in_the_menu_asks_once_and_carries_a_comment(browser, owner):
    request = make_request(owner=owner)
    queue = browser(owner).get(QUEUE)

    question = queue.text(f"#confirm-approve-{request.id}")
    assert f"Approve {request.number}?" in question
    assert request.app.name in question
    queue.press("Approve", within=f"#confirm-approve-{request.id}", htmx=True, comment="Welcome aboard")

    assert request.status is RequestStatus.APPROVED
    assert "Welcome aboard" in browser(request.requester).get(f"/requests/{request.number}").text("main")


def test_T64_the_answer_says_what_became_of_it_and_counts_anew(browser, owner):
    request, _other = make_request(owner=owner), make_request(owner=owner)

    queue = browser(owner).get(QUEUE)
    answer = queue.press("Approve", within=f"#request-{request.id}", htmx=True)

    assert f"{request.number} is approved: the app {request.app.name} has its access." in answer.text("#messages")
    assert "autofocus" in answer.soup.select_one("tr th a").attrs  # htmx moves the focus there
    assert len(answer.soup.select(".count[hx-swap-oob]")) == len(queue.soup.select(".link-tabs .count"))
    for number in ("count-pending", "count-approved", "waiting-count"):
        assert answer.text(f"#{number}") == "1"


def test_a_rejection_in_the_queue_stays_there(browser, owner):
    request = make_request(owner=owner)
    queue = browser(owner).get(QUEUE)

    refused = queue.press("Reject", within=f"#confirm-reject-{request.id}", htmx=True, reason="  ")
    assert refused.status == 422
    assert refused.headers["HX-Retarget"] == "#messages"
    assert "Give a reason" in refused.text("#messages")
    assert request.status is RequestStatus.PENDING

    answer = queue.press("Reject", within=f"#confirm-reject-{request.id}", htmx=True, reason="Use the sandbox first.")
    assert answer.status == 200
    assert "Rejected" in answer.text("td[data-label=Status]")
    assert answer.text("#count-pending") == "0"


def test_whoever_comes_too_late_in_the_queue_reads_what_happened(browser, owner):
    request = make_request(owner=owner)
    shown = browser(owner).get(QUEUE)
    with transaction():
        access.withdraw(request, by=request.requester)

    late = shown.press("Approve", within=f"#request-{request.id}", htmx=True)

    assert late.status == 409
    assert f"{request.number} has already been withdrawn." in late.text("[data-error-text]")


def test_a_refused_answer_to_several_keeps_the_selection(browser, owner):
    chosen, other = make_request(owner=owner), make_request(owner=owner)

    refused = browser(owner).get(QUEUE).press("Reject selected", request=[chosen.number])

    assert refused.status == 422
    ticked = [box["value"] for box in refused.soup.select("input[data-select][checked]")]
    assert ticked == [chosen.number]
    assert other.status is RequestStatus.PENDING
