"""What an answer of the token endpoint must be like, and what stands in the database."""

from portal.credentials import find_credential_by_client_id
from portal.db import db

GRANT = {"grant_type": "client_credentials"}


def stored(program):
    """The credential as it stands in the database."""
    db.session.rollback()
    found = find_credential_by_client_id(program.id)
    assert found is not None
    return found


def error_of(answer):
    """The error, after what RFC 6749 section 5.2 and T15 ask of every error."""
    assert answer.status_code in {400, 401, 405, 413, 415, 429}, answer.text
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    assert set(answer.json) <= {"error", "error_description"}
    assert all(" " <= sign <= "~" and sign not in '"\\' for sign in answer.json["error_description"])
    if answer.status_code == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    return answer.json["error"]
