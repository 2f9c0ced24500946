"""T14: many wrong secrets are slowed down; the right one is never kept out, and nobody learns who exists."""

import pytest
import time_machine

from portal.oauth.failures import failures_for
from tests.support.programs import make_program, post

GRANT = {"grant_type": "client_credentials"}
LIMIT = 60


@pytest.fixture
def program(app):
    server = app.extensions["portico.oauth"]["server"]
    kept, server.failures = server.failures, failures_for(f"{LIMIT} per minute", "memory://")
    yield make_program(app)
    server.failures = kept


def fail(app, client_id, times=1, address="192.0.2.1"):
    return [
        post(app, "/oauth/token", GRANT, auth=(client_id, "pcs_wrong"), environ_base={"REMOTE_ADDR": address})
        for _ in range(times)
    ]


def test_T14_after_sixty_wrong_secrets_a_minute_comes_429_and_the_right_secret_works(app, program):
    answers = fail(app, program.id, LIMIT + 1)

    assert [answer.status_code for answer in answers] == [401] * LIMIT + [429]
    assert answers[-1].json["error"] == "invalid_client"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert program.token().status_code == 200


def test_T14_an_unknown_client_is_slowed_down_alike(app, program):
    known, unknown = fail(app, program.id, LIMIT + 2), fail(app, "pci_nobody", LIMIT + 2)

    assert [answer.status_code for answer in known] == [answer.status_code for answer in unknown]
    assert known[-1].data == unknown[-1].data


def test_T14_others_are_not_counted_with_it(app, program):
    fail(app, program.id, LIMIT + 1)

    assert fail(app, program.id, address="192.0.2.2")[0].status_code == 401
    assert fail(app, "pci_another")[0].status_code == 401


def test_T14_the_next_minute_starts_anew(app, program):
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        assert fail(app, program.id, LIMIT + 1)[-1].status_code == 429
        clock.shift(61)
        assert fail(app, program.id)[0].status_code == 401


def test_T14_successes_are_not_counted(app, program):
    assert {program.token().status_code for _ in range(LIMIT + 5)} == {200}
