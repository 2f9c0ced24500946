"""The mails to an app's owner about access that somebody else suspends and resumes."""

import pytest

from portal import access
from portal.accounts import RoleName
from portal.db import transaction
from tests.service.mail.test_texts import golden, the_mail
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_the_owner_of_the_app_hears_who_suspended_it_and_why_and_that_it_works_again():
    ada = make_user(RoleName.API_OWNER, email="ada@portico.example", name="Ada Lovelace")
    grace, plan = make_user(email="grace@acme.example", name="Grace Hopper"), make_plan(auto_approve=True)
    product = make_product("Payments API", plans=[plan], owners=[ada])
    request = make_request(grace, product, plan=plan, app=make_app(grace, "Route <planner>"))
    (grant,) = access.grants_of(request.app)
    known = {"client_id": grant.credential.client_id, "access": f"/apps/{grant.app_id}/access/{grant.id}"}

    with transaction():
        access.suspend_access(grant, by=ada, reason="Ten times the calls\nthat were <agreed> on.")
    message = the_mail("suspended")
    assert message.recipient == "grace@acme.example"
    golden(message, **known)

    with transaction():
        access.resume_access(grant, by=ada, reason="Thank you for the correction.")
    message = the_mail("resumed")
    assert message.recipient == "grace@acme.example"
    golden(message, **known)
