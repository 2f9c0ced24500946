"""A program whose app has registered a public key."""

import pytest
from joserfc.jwk import ECKey

from portal import credentials
from portal.db import transaction


@pytest.fixture
def key(program):
    made = ECKey.generate_key("P-256")
    with transaction():
        owner = program.request.requester
        credentials.add_app_key(program.request.app, made.as_pem(private=False).decode(), by=owner)
    return made
