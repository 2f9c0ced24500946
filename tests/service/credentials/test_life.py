"""The life of a credential: revealed once, rotated, revoked, expired."""

from datetime import timedelta

import pytest

from portal import access, apps, credentials
from portal.accounts import RoleName
from portal.apps import DeveloperApp, Visibility
from portal.credentials import CredentialState
from portal.db import db, now, transaction
from portal.errors import Conflict, NotAllowed
from tests.support.builders import make_plan, make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def held():
    return make_request(plan=make_plan(auto_approve=True, credential_lifetime_days=90))


def reveal(request, *, by=None):
    with transaction():
        return credentials.reveal(request.credential, by=by or request.requester)


def test_nothing_secret_exists_before_the_reveal(held):
    assert held.credential.secret_hash is None
    assert held.credential.state is CredentialState.PENDING_REVEAL
    assert not access.find_entitlement(held.credential.client_id).is_live


def test_a_revealed_secret_is_known_only_by_its_hash(held):
    revealed = reveal(held)

    assert credentials.well_formed(revealed.secret)
    assert revealed.secret not in repr(revealed)
    assert held.credential.secret_hash == credentials.hash_secret(revealed.secret)
    assert revealed.secret.startswith(held.credential.secret_hint)
    assert len(held.credential.secret_hint) < 8


def test_H1_a_second_reveal_is_refused(held):
    reveal(held)

    with pytest.raises(Conflict, match="already been shown"):
        reveal(held)


@pytest.mark.parametrize("act", [credentials.reveal, credentials.rotate])
def test_only_the_apps_owner_gets_a_secret(held, act):
    with transaction():
        apps.change_app(held.app, {"visibility": Visibility.ORGANISATION}, by=held.requester)

    for other in (make_user(), make_user(RoleName.API_OWNER), make_user(RoleName.ADMINISTRATOR)):
        with pytest.raises(NotAllowed), transaction():
            act(held.credential, by=other)


def test_T84_after_a_rotation_only_the_new_secret_fits(held):
    old = reveal(held)
    with transaction():
        new = credentials.rotate(held.credential, by=held.requester)

    assert credentials.secret_matches(new.secret, held.credential.secret_hash)
    assert not credentials.secret_matches(old.secret, held.credential.secret_hash)
    assert new.client_id == old.client_id


def test_an_expired_credential_is_neither_revealed_nor_rotated(held):
    with transaction():
        held.credential.expires_at = now() - timedelta(seconds=1)

    for act in (credentials.reveal, credentials.rotate):
        with pytest.raises(Conflict, match="expired"), transaction():
            act(held.credential, by=held.requester)
    assert held.credential.status == "Expired"


def test_a_revoked_credential_stays_revoked(held):
    reveal(held)
    with transaction():
        access.revoke_credential(held.credential, by=held.requester)

    for act in (credentials.reveal, credentials.rotate, access.revoke_credential):
        with pytest.raises(Conflict), transaction():
            act(held.credential, by=held.requester)


def test_a_deleted_apps_secrets_are_out_of_reach(held):
    with transaction():
        access.delete_app(held.app, by=held.requester)

    with pytest.raises(NotAllowed):
        reveal(held)


def test_C157_what_ends_is_closed_at_the_next_look_with_no_job_run(held):
    client_id = reveal(held).client_id
    assert access.find_entitlement(client_id).is_live

    with transaction():
        held.credential.expires_at = now() - timedelta(seconds=1)

    assert not access.find_entitlement(client_id).is_live
    assert held.credential.state is CredentialState.ACTIVE  # nobody has tidied up, and it is closed all the same


def test_listing_credentials_with_their_plans_takes_one_query(held):
    app_id = held.app.id
    db.session.rollback()
    app = db.session.get(DeveloperApp, app_id)

    with count_queries() as counted:
        assert [credential.plan.display_name for credential in credentials.credentials_of(app)]

    assert len(counted) == 1
