"""The page of a request says by when somebody has to act: each reviewer, and the requester who was asked something."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from portal import access
from portal.accounts import RoleName
from portal.db import transaction
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
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as moving:
        yield moving


def asked(owner, order=(("owner", "legal"),)):
    make_group("legal", make_user())
    make_stage("legal", "Legal")
    make_policy(demanding("owner", "legal"), order=[list(step) for step in order])
    plan, person = make_plan("Gold"), make_user()
    return make_request(person, make_product(plans=[plan], owners=[owner]), plan=plan, app=make_app(person))


def test_each_of_two_open_stages_says_by_when_it_is_due(clock, browser):
    request = asked(make_user(RoleName.API_OWNER))
    legal = next(stage for stage in request.stages if stage.key == "legal")
    with transaction():
        legal.due_at = MONDAY + timedelta(days=9)

    said = [
        each.get_text(" ", strip=True)
        for each in browser(request.requester).get(f"/requests/{request.number}").soup.select("#progress .notice p")
    ]

    assert "An answer is due 20 Nov 2026" in next(text for text in said if "owner approval" in text)
    assert "An answer is due 25 Nov 2026" in next(text for text in said if "legal approval" in text)
    assert not any(text.startswith("An answer is due") for text in said)


def test_what_is_late_was_due(clock, browser):
    request = asked(make_user(RoleName.API_OWNER), order=(("owner",), ("legal",)))
    clock.move_to(MONDAY + timedelta(days=7))

    text = browser(request.requester).get(f"/requests/{request.number}").text("#progress")

    assert "An answer was due 20 Nov 2026" in text
    assert "An answer is due" not in text


def test_whoever_was_asked_something_reads_by_when_to_answer(clock, browser):
    owner = make_user(RoleName.API_OWNER)
    request = asked(owner, order=(("owner",), ("legal",)))
    here = browser(request.requester)
    assert "the request expires on" not in here.get(f"/requests/{request.number}").text("#progress")
    with transaction():
        access.ask(request, by=owner, question="Why?")

    assert "Without an answer the request expires on 27 Nov 2026" in here.get(f"/requests/{request.number}").text(
        "#progress"
    )
