"""The mail about a secret that was found in public."""

import pytest

from portal import credentials, lifecycle
from portal.accounts import RoleName
from portal.db import transaction
from portal.lifecycle import Find
from tests.service.mail.test_texts import golden, mails
from tests.support.builders import make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_what_the_owner_reads():
    grace = make_user(email="grace@acme.example", name="Grace Hopper")
    make_user(RoleName.SECURITY_REVIEWER, email="ada@portico.example", name="Ada Lovelace")
    plan = make_plan("Gold", auto_approve=True)
    product = make_product("Payments API", plans=[plan])
    request = make_request(grace, product, plan=plan, app=make_app(grace, "Route <planner>"))
    with transaction():
        revealed = credentials.reveal(request.credential, by=grace)
    with transaction():
        lifecycle.take_reports([Find(revealed.secret, "https://code.example.com/acme/.env")], reporter="GitHub")

    own, theirs = mails("leaked")

    assert (own.recipient, theirs.recipient) == ("grace@acme.example", "ada@portico.example")
    golden(own, path=f"/apps/{request.app_id}", client_id=revealed.client_id)
    assert "Look whether anybody has used it" in theirs.payload["text"]
    assert mails("revoked") == []
