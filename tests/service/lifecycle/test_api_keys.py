"""API keys go to the API itself, so that nobody here knows whether one is used, and nobody says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from portal import access, lifecycle
from portal.catalog import AuthMethod
from portal.db import transaction
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


@pytest.fixture
def plan():
    return make_plan(auto_approve=True)


@pytest.fixture
def product(plan):
    return make_product(plans=[plan], auth_method=AuthMethod.API_KEY)


@pytest.fixture
def request_(product, plan):
    return make_request(make_user(), product, plan=plan)


def test_no_old_key_is_called_safe_to_end_and_of_three_the_oldest_ends(request_):
    person, credential, keys = request_.requester, request_.credential, []
    with time_machine.travel(MONDAY, tick=False) as clock:
        with transaction():
            oldest = lifecycle.claim(credential, by=person)
        for _ in range(2):
            with transaction():
                keys.append(lifecycle.rotate(credential, overlap_days=7, by=person))
            clock.shift(timedelta(hours=49))
            assert not credential.old_secret_is_quiet

        assert access.entitlement_for(oldest.client_id, oldest.secret) is None
        assert all(access.entitlement_for(key.client_id, key.secret).is_live for key in keys)


def test_the_pages_do_not_say_that_a_key_was_never_used(request_, browser):
    person, credential = request_.requester, request_.credential
    for rotate in (False, True):
        with transaction():
            (lifecycle.rotate if rotate else lifecycle.claim)(
                credential, by=person, **({"overlap_days": 7} if rotate else {})
            )

    here = browser(person).get(f"/apps/{request_.app_id}")
    told = here.text(f"#credential-{credential.id}")
    assert "Not known: keys are sent to the API itself" in told
    assert "not yet" not in told.lower()
    assert "once all your programs have the new one" in told

    again = browser(person).get(f"/apps/{request_.app_id}/credentials/{credential.id}/rotation").text("main")
    assert "stops at once when you rotate again" in again
    assert "not yet" not in again.lower()
    assert "never" not in again


def test_what_touches_keys_does_not_say_that_nothing_uses_them(product, plan, request_):
    assert access.impact_of(product).in_words == (
        "1 app in 1 organisation, with API keys, whose use is not known here."
    )
    (touched,) = access.touched_by(product)
    assert touched.with_keys == 1

    both = request_.app
    other = make_product(plans=[plan])
    make_request(request_.requester, other, plan=plan, app=make_app(request_.requester, "Other"))
    assert "none used it this week (1 with API keys, whose use is not known here)" in (
        access.impact_of(request_.requester).in_words
    )
    assert access.impact_of(both).with_keys == 1
