"""Metadata and keys: what clients read first."""

from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url

from portal.oauth import documents
from tests.support.programs import send


def test_the_metadata_names_every_endpoint_and_is_valid(app):
    answer = send(app, "GET", "/.well-known/oauth-authorization-server")

    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.json["issuer"] == "http://localhost"
    assert answer.json["token_endpoint"] == "http://localhost/oauth/token"
    assert answer.json["response_types_supported"] == ["none"]
    AuthorizationServerMetadata(documents.metadata("https://portal.example")).validate()
    assert get_well_known_url("http://localhost", external=True).endswith(documents.METADATA_PATH)


def test_every_address_in_the_metadata_answers(app):
    names = ("token_endpoint", "introspection_endpoint", "revocation_endpoint", "jwks_uri")
    metadata = send(app, "GET", "/.well-known/oauth-authorization-server").json

    for name in names:
        path = metadata[name].removeprefix("http://localhost")
        assert send(app, "GET", path).status_code in {200, 405}


def test_E4_addresses_come_from_the_settings_whatever_the_request_says(app):
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}

    answer = send(app, "GET", "/.well-known/oauth-authorization-server", headers=forged)

    assert "evil" not in answer.text


def test_only_public_halves_of_the_keys_are_published(app):
    (key,) = send(app, "GET", "/oauth/jwks.json").json["keys"]

    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")


def test_documents_can_be_kept_and_asked_for_again(app):
    for path in (documents.KEYS_PATH, documents.METADATA_PATH):
        first = send(app, "GET", path)
        again = send(app, "GET", path, headers={"If-None-Match": first.headers["ETag"]})

        assert "max-age" in first.headers["Cache-Control"]
        assert "Set-Cookie" not in first.headers
        assert "Cookie" not in first.headers.get("Vary", "")
        assert (again.status_code, again.data) == (304, b"")
