"""Rotating a secret without an outage: two are good for a while, and each is looked at in the call (C101, T84)."""

from __future__ import annotations

import hmac
from datetime import timedelta

import pytest

from portal import access, lifecycle
from portal.catalog import AuthMethod
from portal.db import now, transaction
from portal.errors import Invalid
from tests.service.lifecycle.rotation.rotating import MONDAY, opens, rotate, stored
from tests.support.builders import make_plan, make_product, make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


def test_both_secrets_get_tokens_until_the_overlap_is_over_whether_a_worker_lives_or_not(program, clock):
    old = program.secret
    new = rotate(program)

    assert opens(program, old)
    assert opens(program, new)
    clock.move_to(MONDAY + timedelta(days=7) - timedelta(seconds=1))
    assert opens(program, old)
    clock.move_to(MONDAY + timedelta(days=7))
    assert not opens(program, old)
    assert opens(program, new)
    assert not stored(program).has_old_secret
    assert stored(program).retiring_hash is not None  # nobody has tidied up, and it is closed all the same


def test_both_secrets_may_introspect_and_revoke(program):
    old, new = program.secret, rotate(program)

    for secret in (old, new):
        program.secret = secret
        token = program.access_token()
        assert program.introspect(token)["active"]
        assert program.revoke(token).status_code == 200


def test_api_keys_have_two_secrets_as_well(clock):
    plan = make_plan(auto_approve=True)
    request = make_request(make_user(), make_product(plans=[plan], auth_method=AuthMethod.API_KEY), plan=plan)
    with transaction():
        old = lifecycle.claim(request.credential, by=request.requester)
    with transaction():
        new = lifecycle.rotate(request.credential, overlap_days=7, by=request.requester)

    assert {key.secret[:4] for key in (old, new)} == {"pak_"}
    assert access.entitlement_for(old.client_id, old.secret).is_live
    assert access.entitlement_for(new.client_id, new.secret).is_live
    clock.shift(timedelta(days=7))
    assert access.entitlement_for(old.client_id, old.secret) is None


def test_the_old_secret_can_stop_at_once(program):
    old = program.secret
    new = rotate(program, overlap_days=0)

    assert not opens(program, old)
    assert opens(program, new)
    assert not stored(program).has_old_secret


@pytest.mark.parametrize("days", [-1, 8])
def test_no_overlap_is_longer_than_the_plan_allows(program, days):
    with pytest.raises(Invalid, match="at most 7 days") as refusal:
        rotate(program, overlap_days=days)

    assert refusal.value.field == "overlap_days"
    assert opens(program, program.secret)


def test_the_last_use_of_each_secret_is_noted(program, clock):
    old, new = program.secret, rotate(program)
    clock.shift(timedelta(hours=1))
    opens(program, old)
    assert (stored(program).secret_used_at, stored(program).retiring_used_at) == (None, now())

    clock.shift(timedelta(hours=1))
    opens(program, new)
    held = stored(program)
    assert (held.secret_used_at, held.retiring_used_at) == (now(), now() - timedelta(hours=1))
    assert held.last_used_at == now()


def test_the_use_of_one_secret_does_not_hide_that_of_the_other(program, clock):
    old, new = program.secret, rotate(program)
    opens(program, new)
    clock.shift(timedelta(seconds=5))
    opens(program, old)

    assert stored(program).secret_used_at == MONDAY
    assert stored(program).retiring_used_at == MONDAY + timedelta(seconds=5)


def test_a_use_that_is_written_late_is_of_the_secret_that_was_used(program, app):
    uses = app.extensions["portico.oauth"]["server"].uses
    uses.every_seconds = 3600
    uses.write()
    opens(program, program.secret)
    rotate(program)

    uses.write()

    assert stored(program).secret_used_at is None
    assert stored(program).retiring_used_at == MONDAY


def test_P1_a_token_costs_one_question_and_no_writing_with_two_secrets_too(program, app):
    old, new = program.secret, rotate(program)
    for secret in (old, new, old, new):
        opens(program, secret)  # what is noted once a minute has been noted

    for secret in (old, new):
        with app.app_context(), count_queries() as counted:
            assert opens(program, secret)
        assert len(counted) <= 1  # SQLite's answer may have been kept
        assert not [statement for statement in counted if not statement.startswith("SELECT")]


def test_T3_a_secret_is_compared_with_both_whatever_it_is(program, monkeypatch):
    old, new = program.secret, rotate(program)
    compared: list[int] = []
    compare = hmac.compare_digest

    def count(a, b):
        compared.append(len(a) * 1000 + len(b))
        return compare(a, b)

    monkeypatch.setattr(hmac, "compare_digest", count)
    seen = set()
    for client_id, secret in ((program.id, old), (program.id, new), (program.id, "x"), ("pci_nobody", new), ("\0", "")):
        compared.clear()
        access.entitlement_for(client_id, secret)
        seen.add(tuple(compared))

    assert seen == {(64064, 64064)}
