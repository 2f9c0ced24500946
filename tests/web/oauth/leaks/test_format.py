"""H8: secrets have the format that is published, and the file of reporters that of GitHub's keys."""

import json
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from portal import credentials
from portal.catalog import AuthMethod
from portal.config import BadSettings
from portal.db import transaction
from portal.oauth import leaks
from tests.web.oauth.answers import stored
from tests.web.oauth.leaks.reporting import KEY, public_pem


def test_H8_secrets_have_the_published_format(app, program):
    documented = r"\b(pcs|pak|pgs|pit|prt|ppt)_[0-9A-Za-z]{49}\b"
    credential = stored(program)
    with transaction():
        token = credentials.allow_registration(credential, by=program.request.requester).token
        gateway = credentials.add_gateway("Edge", by=None).secret

    for secret in (program.secret, token, gateway, *(credentials.new_secret(m) for m in (AuthMethod.API_KEY,))):
        assert re.fullmatch(documented, secret)
        assert credentials.well_formed(secret)
        assert not credentials.well_formed(secret[:-1] + ("0" if secret[-1] != "0" else "1"))
        assert not credentials.well_formed(secret.swapcase())


def reporters_file(tmp_path, content):
    file = tmp_path / "reporters.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_the_file_has_the_form_in_which_github_publishes_its_keys(tmp_path):
    keys = [
        {"key_identifier": "a" * 64, "key": public_pem(KEY), "is_current": True},
        {"key_identifier": "b", "key": public_pem(KEY), "name": "Our scanner"},
    ]

    found = leaks.reporters_in(reporters_file(tmp_path, {"public_keys": keys}))

    assert {key_id: reporter.name for key_id, reporter in found.items()} == {
        "a" * 64: "Key aaaaaaaaaaaa",
        "b": "Our scanner",
    }
    assert leaks.reporters_in(None) == {}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        {"public_keys": [{"key_identifier": "a"}]},
        {"public_keys": [{"key_identifier": "a", "key": "nonsense"}]},
        {"public_keys": [{"key_identifier": "a", "key": public_pem(ec.generate_private_key(ec.SECP384R1()))}]},
    ],
)
def test_X19_a_wrong_file_stops_the_start(tmp_path, content):
    with pytest.raises(BadSettings, match="PORTICO_LEAK_REPORTERS_FILE"):
        leaks.reporters_in(reporters_file(tmp_path, content))
    with pytest.raises(BadSettings, match="PORTICO_LEAK_REPORTERS_FILE"):
        leaks.reporters_in(tmp_path / "not there")
