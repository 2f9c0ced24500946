"""Access that is proposed to be taken back: nobody learns of what is not theirs by its key."""

import pytest

from portal import access, register
from portal.accounts import RoleName
from portal.db import transaction
from tests.support.builders import make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_access_to_products_of_others_is_neither_told_nor_taken_nor_asked_about():
    plan = make_plan(auto_approve=True)
    theirs = make_request(
        None, make_product("Payroll", plans=[plan], owners=[make_user(RoleName.API_OWNER)]), plan=plan
    )
    (grant,) = access.grants_from(theirs)
    seen, owner = {grant.id: register.mark_of_use(grant)}, make_user(RoleName.API_OWNER)

    with transaction():
        taken = register.revoke_proposed(seen, by=owner, reason="Not used.")
        asked = register.ask_owners(seen, by=owner)

    assert taken == asked == []
    assert grant.is_live
