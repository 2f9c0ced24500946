"""RFC 8705: a client proves itself by the certificate that the proxy saw, and its tokens are bound to that."""

import base64
import hashlib

import pytest
import time_machine
from cryptography.hazmat.primitives.serialization import Encoding

from portal import accounts, credentials
from portal.accounts import RoleName
from portal.app import create_app, register_channels
from portal.config import BadSettings, load
from portal.db import close_connections, transaction
from portal.oauth import documents
from tests.support.builders import make_user
from tests.support.certificates import HEADER, escaped, hearing_certificates, make_certificate, pem, sequence
from tests.support.programs import basic, claims_of, make_program, post, send
from tests.web.oauth.answers import GRANT, error_of

ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}


@pytest.fixture
def hearing(app):
    with hearing_certificates(app) as settings:
        yield settings


@pytest.fixture
def certificate(program):
    return registered(program, make_certificate())


def registered(program, certificate):
    """The certificate, which the program's app has registered."""
    with transaction():
        credentials.add_app_certificate(program.request.app, pem(certificate), by=program.request.requester)
    return certificate


def thumbprint(certificate):
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def shown(program, header, path="/oauth/token", peer=None, headers=None, **fields):
    """The answer to a call over a connection at which the proxy saw this certificate."""
    body = {**GRANT, "client_id": program.id, **fields}
    sent = {**({HEADER: header} if header is not None else {}), **(headers or {})}
    return post(
        program.app,
        path,
        {name: value for name, value in body.items() if value},
        headers=sent,
        environ_overrides=peer or {},
    )


def refused(answer):
    return (answer.status_code, error_of(answer)) == (401, "invalid_client")


# --- what proves a client, and binds its tokens ----------------------------------------------------------------------


@pytest.mark.parametrize("write", [escaped, sequence])
def test_RFC8705_2_2_and_3_1_a_certificate_gets_a_token_that_is_bound_to_it(program, hearing, certificate, write):
    answer = shown(program, write(certificate))

    assert answer.status_code == 200, answer.text
    assert claims_of(answer.json["access_token"])["cnf"] == {"x5t#S256": thumbprint(certificate)}
    assert answer.json["token_type"] == "Bearer"


def test_RFC8705_3_2_introspection_tells_the_certificate_to_client_and_gateway(app, program, hearing, certificate):
    token = shown(program, escaped(certificate)).json["access_token"]
    with transaction():
        gateway = credentials.add_gateway("Edge", by=None)

    own = shown(program, escaped(certificate), "/oauth/introspect", token=token).json
    theirs = post(app, "/oauth/introspect", {"token": token}, auth=(gateway.client_id, gateway.secret)).json

    assert own["cnf"] == theirs["cnf"] == {"x5t#S256": thumbprint(certificate)}


def test_RFC8705_3_a_token_that_was_got_without_one_is_not_bound(program, hearing, certificate):
    token = program.access_token()

    assert "cnf" not in claims_of(token)
    assert "cnf" not in program.introspect(token)


def test_RFC8705_3_a_client_that_proves_itself_otherwise_over_its_certificate_is_bound_too(
    program, hearing, certificate
):
    theirs = make_certificate("not.registered.example")
    bound = shown(program, escaped(certificate), client_secret=program.secret)
    free = shown(program, escaped(theirs), client_secret=program.secret)

    assert claims_of(bound.json["access_token"])["cnf"] == {"x5t#S256": thumbprint(certificate)}
    assert "cnf" not in claims_of(free.json["access_token"])


def test_it_revokes_too(program, hearing, certificate):
    token = shown(program, escaped(certificate)).json["access_token"]

    assert shown(program, escaped(certificate), "/oauth/revoke", token=token).status_code == 200
    assert program.introspect(token) == {"active": False}


def test_RFC8705_3_3_the_metadata_says_so_where_a_proxy_passes_certificates_on(app):
    silent = send(app, "GET", "/.well-known/oauth-authorization-server").json
    told = documents.metadata("https://portal.example.com", certificates=True)

    assert "tls_client_certificate_bound_access_tokens" not in silent
    assert "self_signed_tls_client_auth" not in silent["token_endpoint_auth_methods_supported"]
    assert told["tls_client_certificate_bound_access_tokens"] is True
    for endpoint in ("token", "introspection", "revocation"):
        assert "self_signed_tls_client_auth" in told[f"{endpoint}_endpoint_auth_methods_supported"]
        assert "tls_client_auth" not in told[f"{endpoint}_endpoint_auth_methods_supported"]


def test_both_of_two_certificates_prove(program, hearing, certificate):
    other = registered(program, make_certificate("next.acme.example"))

    assert [shown(program, escaped(each)).status_code for each in (certificate, other)] == [200, 200]


# --- what does not ---------------------------------------------------------------------------------------------------


def test_RFC8705_2_2_a_certificate_that_nobody_registered(program, hearing, certificate):
    assert refused(shown(program, escaped(make_certificate())))


def test_RFC8705_2_2_another_app_s_certificate(app, program, hearing, certificate):
    other = make_program(app)
    theirs = registered(other, make_certificate("other.example"))

    assert refused(shown(program, escaped(theirs)))
    assert refused(shown(other, escaped(certificate)))


def test_RFC8705_7_1_an_expired_certificate(program, hearing):
    certificate = registered(program, make_certificate(days=2))
    end = certificate.not_valid_after_utc.timestamp()

    with time_machine.travel(end - 1, tick=False):
        assert shown(program, escaped(certificate)).status_code == 200
    with time_machine.travel(end, tick=False):
        assert refused(shown(program, escaped(certificate)))
        bearer = shown(program, escaped(certificate), client_secret=program.secret)
        assert "cnf" not in claims_of(bearer.json["access_token"])


def test_RFC8705_6_5_a_header_from_elsewhere_counts_as_not_sent(program, hearing, certificate):
    """Also with a forged X-Forwarded-For: the peer counts, not what it says."""
    for headers in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"X-Real-IP": "127.0.0.1"}):
        assert refused(shown(program, escaped(certificate), peer=ELSEWHERE, headers=headers))
    bearer = shown(program, escaped(certificate), peer=ELSEWHERE, client_secret=program.secret)
    assert "cnf" not in claims_of(bearer.json["access_token"])


@pytest.mark.parametrize(
    ("peer", "is_believed"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("203.0.113.9", False),
        ("::ffff:203.0.113.9", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        (None, False),
    ],
)
def test_RFC8705_6_5_the_peer_counts_as_it_was_before_any_header(program, hearing, certificate, peer, is_believed):
    """As ProxyFix leaves it: the address of the call is by then what X-Forwarded-For said."""
    environ = {"REMOTE_ADDR": "127.0.0.1", "werkzeug.proxy_fix.orig": {"REMOTE_ADDR": peer}}

    assert shown(program, escaped(certificate), peer=environ).status_code == (200 if is_believed else 401)


def test_RFC8705_6_5_behind_a_proxy_that_is_really_there(app, installation, tmp_path, program, certificate):
    settings = {"instance_dir": tmp_path, "trusted_proxies": 1, "client_certificate_header": HEADER}
    behind = create_app(installation.settings.model_copy(update=settings))

    def call(peer, said):
        headers = {HEADER: escaped(certificate), "X-Forwarded-For": said}
        with behind.app_context():
            answer = behind.test_client().post(
                "/oauth/token",
                data={**GRANT, "client_id": program.id},
                headers=headers,
                environ_overrides={"REMOTE_ADDR": peer},
            )
            behind.extensions["portico.oauth"]["server"].uses.forget()  # or a timer opens another connection
            close_connections()
        return answer.status_code

    assert call("127.0.0.1", "203.0.113.9") == 200
    assert call("203.0.113.9", "127.0.0.1") == 401
    register_channels(installation.settings)


def test_RFC8705_6_5_nobody_is_believed_unless_it_is_set(program, certificate):
    for name in (HEADER, "Client-Cert", "X-SSL-Client-Cert", "X-Forwarded-Client-Cert", "SSL_CLIENT_CERT"):
        assert refused(shown(program, None, headers={name: escaped(certificate)}))


def test_the_proxy_may_stand_elsewhere_if_the_settings_say_so(app, program, certificate):
    with hearing_certificates(app, client_certificate_proxies="203.0.113.0/24"):
        assert shown(program, escaped(certificate), peer=ELSEWHERE).status_code == 200
        assert refused(shown(program, escaped(certificate)))


def headers_that_hold_none(certificate):
    good, other = escaped(certificate), escaped(make_certificate())
    yield from ("", "nonsense", ":", "::", ":!!!:", ":AAAA", "AAAA:", "%", "%ff%fe", "ä", "-" * 20_000)
    yield good[:-10]
    yield good + good
    yield f"{good}, {good}"
    yield f"{other}{good}"
    yield f"{sequence(certificate)}, {sequence(certificate)}"
    yield sequence(certificate) + ";x=1"
    yield good.replace("CERTIFICATE", "PUBLIC KEY")
    yield thumbprint(certificate)


def test_RFC9440_2_a_header_that_cannot_be_read_proves_nothing(program, hearing, certificate):
    for header in headers_that_hold_none(certificate):
        assert refused(shown(program, header)), header[:80]


def test_T5_a_certificate_and_a_wrong_proof_of_another_kind(program, hearing, certificate):
    assert refused(shown(program, escaped(certificate), client_secret="wrong"))
    assert refused(shown(program, escaped(certificate), headers=basic(program.id, "wrong")))
    assert refused(shown(program, escaped(certificate), headers={"Authorization": "Bearer x"}))
    assert refused(shown(program, escaped(certificate), client_assertion="x.y.z"))


def test_RFC8705_2_the_client_must_name_itself(program, hearing, certificate):
    assert refused(shown(program, escaped(certificate), client_id=""))
    for client_id in ("pci_unknown", "\0", "pgw_x"):
        assert refused(shown(program, escaped(certificate), client_id=client_id))


def test_C157_a_removed_certificate_a_revoked_credential_and_a_deactivated_owner(program, hearing, certificate):
    person, admin = program.request.requester, make_user(RoleName.ADMINISTRATOR)
    with transaction():
        accounts.deactivate(person, by=admin)
    assert refused(shown(program, escaped(certificate)))
    with transaction():
        accounts.reactivate(person, by=admin)
    assert shown(program, escaped(certificate)).status_code == 200
    with transaction():
        (held,) = credentials.certificates_of(program.request.app_id)
        credentials.remove_app_certificate(program.request.app, held.id, by=person)
    assert refused(shown(program, escaped(certificate)))


def test_T14_wrong_certificates_are_counted_and_the_right_one_still_works(program, hearing, certificate):
    wrong = escaped(make_certificate())
    statuses = [shown(program, wrong).status_code for _ in range(61)]

    assert (set(statuses[:60]), statuses[60]) == ({401}, 429)
    assert shown(program, escaped(certificate)).status_code == 200


@pytest.mark.parametrize(
    "settings",
    [
        {"client_certificate_header": HEADER},
        {"client_certificate_header": HEADER, "trusted_proxies": 1, "client_certificate_proxies": ""},
        {"client_certificate_header": "X Cert", "trusted_proxies": 1},
        {"client_certificate_header": HEADER, "trusted_proxies": 1, "client_certificate_proxies": "proxy.example"},
    ],
)
def test_X19_a_header_without_a_proxy_stops_the_start(tmp_path, settings):
    with pytest.raises(BadSettings, match="PORTICO_CLIENT_CERTIFICATE"):
        load(testing=True, instance_dir=tmp_path, secret_key="t" * 48, _env_file=None, **settings)


def test_an_installation_that_hears_certificates_says_so_to_its_clients(tmp_path, installation):
    settings = installation.settings.model_copy(
        update={"instance_dir": tmp_path, "trusted_proxies": 1, "client_certificate_header": "Client-Cert"}
    )
    other = create_app(settings)

    answer = other.test_client().get("/.well-known/oauth-authorization-server")

    assert answer.json["tls_client_certificate_bound_access_tokens"] is True
