"""Open stages follow every change of the people around them, whoever made it and by whatever way (C34)."""

import pytest

from portal import access, accounts, catalog, proposals
from portal.access import AccessRequest
from portal.accounts import OrganisationKind, RoleName, User
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind
from tests.support.builders import (
    demanding,
    make_group,
    make_organisation,
    make_policy,
    make_request,
    make_user,
)

pytestmark = pytest.mark.usefixtures("app")


def waits_for(person: User) -> bool:
    db.session.rollback()
    return access.count_waiting_for(db.session.get(User, person.id)) == 1


def told_of(request: AccessRequest, kind: EventKind) -> int:
    keys = [stage.id for stage in request.stages]
    return db.session.query(AuditEvent).filter(AuditEvent.kind == kind, AuditEvent.subject_id.in_(keys)).count()


def test_who_becomes_an_owner_of_the_product_is_asked_and_who_was_is_not():
    before, after = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    request = make_request(owner=before)
    assert (waits_for(before), waits_for(after)) == (True, False)

    with transaction():
        catalog.change_product(request.products[0], {"owners": [after]}, by=None)

    assert (waits_for(before), waits_for(after)) == (False, True)


def test_a_change_of_something_else_about_the_product_staffs_nothing_anew():
    owner = make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)
    with transaction():
        db.session.get(User, owner.id).active = False  # by no way that anybody could follow
        catalog.change_product(request.products[0], {"summary": "Another sentence."}, by=None)

    assert told_of(request, EventKind.STAGE_STAFFED) == 0


def test_a_new_member_who_becomes_a_reviewer_by_it_is_asked_once_and_nothing_is_said_to_be_stuck():
    make_policy(demanding("legal"), order=[["legal"], ["owner"]])
    group = make_group("legal", gone := make_user())
    request, new = make_request(), make_user()

    with transaction():
        accounts.set_members(group, [db.session.get(User, new.id)], by=None)

    assert (waits_for(gone), waits_for(new)) == (False, True)
    assert told_of(request, EventKind.STAGE_STAFFED) == 1
    assert told_of(request, EventKind.STAGE_UNSTAFFED) == 0


def test_another_sponsor_answers_for_an_organisation_from_now_on():
    before, after, administrator = make_user(), make_user(), make_user(RoleName.ADMINISTRATOR)
    partners = make_organisation("Partners")

    def sponsored_by(person: User) -> None:
        with transaction():
            accounts.change_organisation(partners, kind=OrganisationKind.PARTNER, sponsor=person, by=administrator)

    for person in (before, after):
        with transaction():
            accounts.change_roles(person, [RoleName.REVIEWER], by=administrator)
    sponsored_by(before)
    make_policy(demanding("sponsor"), order=[["sponsor"], ["owner"]])
    make_request(make_user(organisation="Partners"))
    assert (waits_for(before), waits_for(after)) == (True, False)

    sponsored_by(after)

    assert (waits_for(before), waits_for(after)) == (False, True)


def test_a_role_that_a_second_person_confirms_counts_as_it_is_given():
    administrator, second = make_user(RoleName.ADMINISTRATOR), make_user(RoleName.ADMINISTRATOR)
    make_policy(demanding("security"), order=[["security"], ["owner"]])
    make_user(RoleName.SECURITY_REVIEWER)
    request, new = make_request(), make_user()
    wanted = {RoleName.CONSUMER, RoleName.SECURITY_REVIEWER}
    with transaction():
        change = proposals.change_roles(
            db.session.get(User, new.id), wanted, by=administrator, seen=[RoleName.CONSUMER], four_eyes=True
        )
    assert not access.may_decide(request, new)

    with transaction():
        proposals.confirm(change, by=second)

    assert waits_for(new)
