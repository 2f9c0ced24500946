"""RFC 7662, section 2.1: who may ask about which token. A gateway about every client's, a client about its own."""

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from portal import credentials
from portal.cli import main
from portal.credentials import Gateway
from portal.db import db, transaction
from portal.errors import Conflict, Invalid, NotFound
from portal.events import AuditEvent, EventKind
from tests.support.programs import claims_of, make_program, post
from tests.web.oauth.answers import GRANT, error_of
from tests.web.oauth.test_ended_access import INACTIVE

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def gateway(app):
    with transaction():
        revealed = credentials.add_gateway("Edge", by=None)
    return revealed.client_id, revealed.secret


def asked(app, gateway, token, path="/oauth/introspect"):
    """What the gateway is told."""
    return post(app, path, {"token": token}, auth=gateway)


def test_RFC7662_2_1_a_gateway_sees_the_tokens_of_every_client(app, gateway):
    for program in (make_program(app), make_program(app)):
        token = program.access_token()
        answer = asked(app, gateway, token)
        assert answer.json == {"active": True, "token_type": "Bearer", **claims_of(token)}
        assert answer.headers["Cache-Control"] == "no-store"


def test_it_may_send_its_secret_in_the_body(app, gateway):
    client_id, secret = gateway
    fields = {"token": make_program(app).access_token(), "client_id": client_id, "client_secret": secret}

    assert post(app, "/oauth/introspect", fields).json["active"]


def test_RFC7662_2_1_a_client_is_no_gateway(app, gateway):
    token = make_program(app).access_token()

    assert make_program(app).introspect(token) == INACTIVE


def test_a_gateway_gets_no_token_and_ends_none(app, gateway, program):
    token = program.access_token()

    for path, fields in (("/oauth/token", GRANT), ("/oauth/revoke", {"token": token})):
        answer = post(app, path, fields, auth=gateway)
        assert (answer.status_code, error_of(answer)) == (401, "invalid_client")
    assert program.introspect(token)["active"]


def test_T3_an_unknown_gateway_a_wrong_secret_and_a_revoked_one_read_the_same(app, gateway, program):
    token, (client_id, secret) = program.access_token(), gateway
    with transaction():
        revealed = credentials.add_gateway("Old", by=None)
        credentials.revoke_gateway(revealed.client_id, by=None)
    wrong = [
        (client_id, secret[:-1] + "!"),
        (client_id, program.secret),
        (client_id, ""),
        ("pgw_unknown", secret),
        ("pgw_", secret),
        ("pgw_\0", secret),
        (program.id, secret),
        (revealed.client_id, revealed.secret),
        (client_id, credentials.hash_secret(secret)),
    ]

    answers = [asked(app, pair, token) for pair in wrong]

    assert {(answer.status_code, error_of(answer)) for answer in answers} == {(401, "invalid_client")}
    assert len({answer.data for answer in answers}) == 1


def test_T14_wrong_secrets_of_a_gateway_are_counted_and_the_right_one_still_works(app, gateway, program):
    client_id, _ = gateway
    statuses = [asked(app, (client_id, "wrong"), "x").status_code for _ in range(61)]

    assert set(statuses[:60]) == {401}
    assert statuses[60] == 429
    assert asked(app, gateway, program.access_token()).json["active"]


def test_C157_what_ended_is_inactive_for_the_gateway_at_once(app, gateway):
    program, revoked = make_program(app), make_program(app)
    token, other = program.access_token(), revoked.access_token()
    revoked.revoke(other)
    with transaction():
        credentials.revoke(program.request.credential, by=program.request.requester, reason="Leaked.")

    assert asked(app, gateway, token).json == INACTIVE
    assert asked(app, gateway, other).json == INACTIVE
    assert asked(app, gateway, "nonsense").json == INACTIVE


def test_a_gateway_is_recorded_and_its_secret_is_not(app, gateway):
    client_id, secret = gateway
    with transaction():
        credentials.revoke_gateway(client_id, by=None)

    kinds = (EventKind.GATEWAY_ADDED, EventKind.GATEWAY_REVOKED)
    events = db.session.scalars(select(AuditEvent).where(AuditEvent.kind.in_(kinds))).all()
    (stored,) = db.session.scalars(select(Gateway))
    assert [event.subject for event in events] == [f"Edge ({client_id})"] * 2
    assert secret not in str([vars(event) for event in events]) + str(vars(stored))
    assert credentials.well_formed(secret)


@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\nb"])
def test_a_gateway_needs_a_name(name):
    with pytest.raises(Invalid, match="needs a name"), transaction():
        credentials.add_gateway(name, by=None)


def test_a_name_is_used_once_and_a_revoked_gateway_stays_so(gateway):
    with pytest.raises(Conflict, match="already a gateway Edge"), transaction():
        credentials.add_gateway("Edge", by=None)
    with transaction():
        credentials.revoke_gateway(gateway[0], by=None)

    with pytest.raises(Conflict, match="revoked before"), transaction():
        credentials.revoke_gateway(gateway[0], by=None)
    with pytest.raises(NotFound), transaction():
        credentials.revoke_gateway("pgw_never", by=None)


def test_the_operator_s_commands(app, installation, monkeypatch, program):
    settings = installation.settings
    for name in ("database_url", "secret_key", "instance_dir"):
        monkeypatch.setenv(f"PORTICO_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("PORTICO_TESTING", "true")

    def portico(*arguments):
        answer = CliRunner().invoke(main, ["gateways", *arguments])
        db.session.rollback()
        return answer

    made = portico("add", "Edge")
    client_id, secret = (line.split()[-1] for line in made.stdout.splitlines())

    assert asked(app, (client_id, secret), program.access_token()).json["active"]
    assert portico("list").stdout == f"{client_id}  active  Edge\n"
    assert secret not in portico("list").output
    assert portico("revoke", client_id).exit_code == 0
    assert "revoked" in portico("list").stdout
    again = portico("revoke", client_id)
    assert (again.exit_code, "revoked before" in again.output) == (1, True)
