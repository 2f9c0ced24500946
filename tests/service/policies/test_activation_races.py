"""Two people at once: one version is in force, whoever is quicker, and nothing is half done."""

import pytest
from sqlalchemy import select

from portal import policies
from portal.accounts import RoleName, User
from portal.db import db, transaction
from portal.errors import Conflict
from portal.policies import PolicyState, PolicyVersion
from tests.service.policies.drafts import a_rule, activated, drafted, proposed
from tests.support.builders import make_user
from tests.support.threads import errors_in, race

pytestmark = pytest.mark.usefixtures("app")
ROUNDS = 8


def states():
    return [v.state for v in db.session.scalars(select(PolicyVersion).order_by(PolicyVersion.id))]


def test_of_two_versions_activated_at_once_one_is_in_force():
    make_user(RoleName.SECURITY_REVIEWER)
    first, second = make_user(RoleName.ADMINISTRATOR).id, make_user(RoleName.ADMINISTRATOR).id
    for _ in range(ROUNDS):
        former = policies.active_version()
        former_id = former.id if former is not None else None
        waiting = [proposed(a_rule()), proposed(a_rule("other"))]
        seen = [(version.id, version.version) for version in waiting]
        approvers = (first, second)

        def contend(number, seen=seen, former_id=former_id, approvers=approvers):
            key, revision = seen[number]
            with transaction():
                person = db.session.get(User, approvers[number])
                version = policies.find_version(key)
                policies.activate(version, by=person, revision=revision, in_place_of=former_id)

        errors = errors_in(race(2, contend))

        assert [type(error) for error in errors] == [Conflict]
        assert states().count(PolicyState.ACTIVE) == 1


def test_one_version_activated_twice_at_once_is_activated_once():
    make_user(RoleName.SECURITY_REVIEWER)
    approvers = [make_user(RoleName.ADMINISTRATOR).id for _ in range(4)]
    activated(a_rule())
    waiting = proposed(a_rule("other"))
    key, revision, former_id = waiting.id, waiting.version, policies.active_version().id

    def contend(number):
        with transaction():
            person, version = db.session.get(User, approvers[number]), policies.find_version(key)
            policies.activate(version, by=person, revision=revision, in_place_of=former_id)

    errors = errors_in(race(4, contend))

    assert [type(error) for error in errors] == [Conflict] * 3
    assert states() == [PolicyState.RETIRED, PolicyState.ACTIVE]


def test_activating_against_changing_leaves_what_was_looked_at():
    make_user(RoleName.SECURITY_REVIEWER)
    for _ in range(ROUNDS):
        waiting = proposed(a_rule())
        approver, author = make_user(RoleName.ADMINISTRATOR).id, waiting.author_id
        former = policies.active_version()
        key, revision, former_id = waiting.id, waiting.version, former.id if former is not None else None

        def contend(number, key=key, revision=revision, former_id=former_id, approver=approver, author=author):
            with transaction():
                version = policies.find_version(key)
                if number:
                    policies.send_back(version, by=db.session.get(User, author), revision=revision)
                else:
                    policies.activate(
                        version, by=db.session.get(User, approver), revision=revision, in_place_of=former_id
                    )

        assert len(errors_in(race(2, contend))) == 1
        assert db.session.get(PolicyVersion, key).state in (PolicyState.ACTIVE, PolicyState.DRAFT)


def test_drafts_begun_at_once_get_numbers_of_their_own():
    author = make_user(RoleName.ADMINISTRATOR).id
    drafted()

    def contend(_number):
        with transaction():
            policies.create_draft({}, by=db.session.get(User, author))

    results = race(4, contend)

    assert all(isinstance(error, Conflict) for error in errors_in(results))
    numbers = [version.number for version in policies.policy_versions()]
    assert len(numbers) == len(set(numbers)) >= 2
