"""What a fresh installation holds, and what deleting leaves behind."""

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from portal import access, catalog, credentials
from portal.access import AccessRequest, Grant
from portal.accounts import RoleName, User
from portal.catalog import AuthMethod, Catalogue
from portal.credentials import Credential
from portal.db import db, transaction
from portal.events import AuditEvent
from tests.support.builders import make_plan, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_F17_a_fresh_installation_has_no_people_and_no_way_in(browser):
    assert db.session.scalar(select(func.count()).select_from(User)) == 0
    for path in ("/setup", "/install", "/admin/setup"):
        assert browser().get(path).status == 404


def test_D17_deleting_an_app_keeps_its_requests_access_and_record():
    request = make_request(plan=make_plan(auto_approve=True))
    events = db.session.scalar(select(func.count()).select_from(AuditEvent))

    with transaction():
        access.delete_app(request.app, by=request.requester)

    assert db.session.get(AccessRequest, request.id).number == request.number
    assert [grant.status for grant in db.session.scalars(select(Grant))] == ["Revoked"]
    assert [credential.status for credential in db.session.scalars(select(Credential))] == ["Revoked"]
    assert db.session.scalar(select(func.count()).select_from(AuditEvent)) > events


def test_D17_deleting_a_catalogue_keeps_what_was_asked_from_it():
    request = make_request(plan=make_plan(auto_approve=True))
    administrator = make_user(RoleName.ADMINISTRATOR)

    with transaction():
        catalog.delete_catalogue(db.session.scalars(select(Catalogue)).one(), by=administrator)

    assert request.catalogue_name == "General"
    assert [grant.status for grant in access.grants_of(request.app)] == ["Active"]


@pytest.mark.parametrize(
    "table", ["portal_user", "developer_app", "plan", "api_product", "access_request", "credential"]
)
def test_D17_the_database_refuses_to_orphan_history(table):
    make_request(plan=make_plan(auto_approve=True))

    with pytest.raises(IntegrityError), transaction():
        db.session.execute(text(f"delete from {table}"))


@pytest.mark.parametrize("method", [AuthMethod.OAUTH2, AuthMethod.API_KEY])
def test_H8_secrets_are_recognised_by_prefix_and_checksum(method):
    secret = credentials.new_secret(method)

    assert credentials.well_formed(secret)
    for place in range(len(secret)):
        other = "A" if secret[place] != "A" else "B"
        assert not credentials.well_formed(secret[:place] + other + secret[place + 1 :])
