"""A registered client opens what the credential above it opens, and ends with it."""

from datetime import timedelta

import pytest
import time_machine

from portal import access, accounts, credentials
from portal.accounts import RoleName
from portal.credentials import CredentialState
from portal.db import now, transaction
from tests.support.builders import make_user
from tests.support.programs import post
from tests.support.queries import count_queries
from tests.web.oauth.answers import GRANT, stored
from tests.web.oauth.registration.registering import inspect, manage, refused, token_of


def ends(program, client):
    """Whether tokens, introspection and management have ended for the client."""
    gone = token_of(program, client)
    return gone.status_code == 401 and refused(manage(program, client, "GET"))


def test_T17_a_revoked_parent(program, client):
    token = token_of(program, client).json["access_token"]
    parent = stored(program)
    with transaction():
        access.revoke_credential(parent, by=program.request.requester)

    assert ends(program, client)
    assert inspect(program, token) == {"active": False}
    found = credentials.find_credential_by_client_id(client["client_id"])
    assert found.state is CredentialState.REVOKED


def test_T17_a_deactivated_owner_and_back(program, client):
    person, admin = program.request.requester, make_user(RoleName.ADMINISTRATOR)
    with transaction():
        accounts.deactivate(person, by=admin)
    assert ends(program, client)
    with transaction():
        accounts.reactivate(person, by=admin)
    assert token_of(program, client).status_code == 200


def test_T17_a_deleted_app(program, client):
    with transaction():
        access.delete_app(program.request.app, by=program.request.requester)

    assert ends(program, client)


def test_T18_a_parent_whose_time_is_over_and_no_token_beyond_it(program, client):
    parent, moment = stored(program), now() + timedelta(seconds=90)
    with transaction():
        parent.expires_at = moment

    assert token_of(program, client).json["expires_in"] <= 90
    with time_machine.travel(moment.timestamp() + 1, tick=False):
        assert ends(program, client)


def test_T18_access_that_was_taken_away_from_the_parent(program, client):
    token = token_of(program, client).json["access_token"]
    for grant in access.grants_of(program.request.app):
        with transaction():
            grant.ends_at = now()

    assert inspect(program, token) == {"active": False}
    assert token_of(program, client).json["error"] == "unauthorized_client"


def test_T17_the_plan_of_the_parent_counts(program, client):
    parent = stored(program)
    with transaction():
        parent.plan.token_lifetime_seconds = 77

    assert token_of(program, client).json["expires_in"] == 77


def test_P1_a_registered_client_costs_no_query_more(app, program, client):
    counts = []
    token_of(program, client)
    for pair in ((program.id, program.secret), (client["client_id"], client["client_secret"])):
        post(app, "/oauth/token", GRANT, auth=pair)
        with app.app_context(), count_queries() as counted:
            post(app, "/oauth/token", GRANT, auth=pair)
        counts.append(len(counted))

    assert max(counts) <= 1, "one question, or its kept answer"


def test_a_client_cannot_let_others_register_nor_be_extended(program, client):
    held = credentials.find_credential_by_client_id(client["client_id"])

    assert held not in credentials.credentials_of(program.request.app)
    with pytest.raises(Exception, match="was approved"), transaction():
        credentials.allow_registration(held, by=program.request.requester)
