"""What must not be possible with emergency access (I7)."""

import pytest

from portal import access, accounts
from portal.access import Approval, GrantState, Narrowing
from portal.accounts import RoleName
from portal.db import transaction
from portal.errors import Invalid
from tests.support.builders import (
    make_app,
    make_plan,
    make_product,
    make_user,
)

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def emergency():
    make_user(RoleName.SECURITY_REVIEWER, email="security@portico.example")
    plan, engineer = make_plan(), make_user()
    product = make_product(plans=[plan], owners=[make_user(RoleName.API_OWNER)])
    with transaction():
        terms = access.EnvelopeTerms("Night", product, plan, product.scope_names, most_minutes=60, people=[engineer])
        envelope = access.set_envelope(terms, by=make_user_in_transaction())
    app = make_app(engineer)
    with transaction():
        return access.break_glass(envelope, app, by=engineer, reason="Down.", minutes=30, step_up="password")


def make_user_in_transaction():
    return accounts.add_person(
        "root@portico.example", name="Root", roles=(RoleName.ADMINISTRATOR,),
        organisation=accounts.organisation_named("Acme"), password_hash="x",
    )  # fmt: skip


def test_deleting_the_app_ends_the_access_and_not_the_debt(emergency):
    with transaction():
        access.delete_app(emergency.app, by=emergency.requester)

    (grant,) = access.grants_of(emergency.app)
    assert grant.state is GrantState.REVOKED
    assert emergency.is_pending
    assert access.debt_of(emergency.requester) == emergency
    security = accounts.find_person_by_email("security@portico.example")
    with transaction():
        access.reject(emergency, by=security, reason="There was no emergency.")
    assert access.bar_of(emergency.requester) is not None


def test_I7_what_was_given_in_an_emergency_is_not_narrowed_on_paper(emergency):
    security = accounts.find_person_by_email("security@portico.example")
    scopes = emergency.items[0].scopes[:1]

    saying = Approval("Fine.", less=Narrowing(scopes={emergency.items[0].product_id: frozenset(scopes)}))
    with pytest.raises(Invalid, match="was given already"), transaction():
        access.approve(emergency, by=security, saying=saying)
