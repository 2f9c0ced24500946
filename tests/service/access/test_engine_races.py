"""The approval engine under real threads, on both databases: nothing stuck, nothing twice, everybody told the truth.

A few rounds of each race run always; PORTICO_RACE_ROUNDS asks for more. What more rounds have shown stands in
docs/performance.md.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from portal import access, accounts, policies
from portal.access import (
    Approval,
    Clarification,
    Narrowing,
    QuestionState,
    RequestStatus,
    StageState,
)
from portal.accounts import RoleName
from portal.db import db, now, transaction
from portal.errors import PortalError
from portal.events import AuditEvent, EventKind
from portal.policies import PolicyState, PolicyVersion
from portal.policies.stages import Quorum
from tests.service.access.racing import (
    ROUNDS,
    Scene,
    approve_as,
    do,
    number_of,
    only_refusals,
    person_of,
    request_of,
    settled,
    stage_of,
)
from tests.support.builders import (
    demanding,
    make_group,
    make_policy,
    make_stage,
    make_user,
)
from tests.support.threads import race

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.timeout(300 + 5 * ROUNDS)]


@pytest.fixture
def board():
    """A stage that needs two yeses of three people."""
    make_stage("board", quorum=Quorum(2))
    members = [make_user() for _ in range(3)]
    make_policy(demanding("board"), order=[["board"], ["owner"]])
    make_group("board", *members)
    return [member.id for member in members]


@pytest.fixture
def seen():
    """How often each end was reached: printed when many rounds are run."""
    counted: Counter[str] = Counter()
    yield counted
    print(f"{sum(counted.values())} rounds: {dict(counted)}")  # noqa: T201


def test_a_quorum_of_two_with_three_at_once_is_met_once(board, seen):
    scene, owner = Scene(), make_user(RoleName.API_OWNER)
    owner_id = owner.id
    for _ in range(ROUNDS):
        asked = scene.ask()

        results = race(3, partial(approve_as, asked, board))

        request, stage = settled(asked), stage_of(asked, "board")
        assert len(only_refusals(results)) == 1
        assert stage.state is StageState.APPROVED
        assert len(stage.live_reviews) == 2
        kinds = [
            kind
            for (kind,) in db.session.execute(
                select(AuditEvent.kind).where(
                    AuditEvent.subject_type == "review_stage", AuditEvent.subject_id == stage.id
                )
            )
        ]
        assert kinds.count(EventKind.STAGE_APPROVED) == kinds.count(EventKind.STAGE_VOTED) == 1
        assert stage_of(asked).state is StageState.OPEN
        do(access.approve, asked, owner_id)
        seen[settled(asked).status.value] += 1
        assert request.status is RequestStatus.APPROVED


def test_parallel_stages_answered_at_once_approve_once(seen):
    owner, security, counsel = make_user(RoleName.API_OWNER), make_user(RoleName.SECURITY_REVIEWER), make_user()
    make_policy(demanding("owner", "security", "legal"), order=[["owner", "security", "legal"]])
    make_group("legal", counsel)
    scene, people = Scene(owner), [owner.id, security.id, counsel.id]
    for _ in range(ROUNDS):
        asked = scene.ask()

        results = race(3, partial(approve_as, asked, people))

        assert only_refusals(results) == []
        assert settled(asked).status is RequestStatus.APPROVED
        seen["approved"] += 1


def test_I6_I7_narrowing_against_an_edit_never_gives_what_was_not_seen(seen):
    owner = make_user(RoleName.API_OWNER)
    scene, owner_id = Scene(owner), owner.id
    product_id, scopes = scene.product.id, scene.product.scope_names
    for _ in range(ROUNDS):
        asked = scene.ask()
        was = request_of(asked).content_hash

        def act(number, asked=asked, was=was):
            if number:
                return do(access.edit, asked, scene.requester_id, reason="For something else.")
            less = Narrowing(scopes={product_id: frozenset(scopes[:1])})
            return do(access.approve, asked, owner_id, seen=was, saying=Approval(less=less))

        results = race(2, act)

        only_refusals(results)
        request = settled(asked)
        if request.status is RequestStatus.APPROVED:
            (grant,) = access.grants_from(request)
            assert grant.scopes == scopes[:1]
            assert request.reason == "We need it."
            seen["narrowed"] += 1
        else:
            assert request.items[0].granted_scopes == scopes
            assert isinstance(results[0], PortalError)
            seen["edited"] += 1
            do(access.approve, asked, owner_id)


def test_narrowing_one_vote_of_two_against_an_edit_keeps_both_or_neither(board, seen):
    scene = Scene(make_user(RoleName.API_OWNER))
    product_id, scopes = scene.product.id, scene.product.scope_names
    for _ in range(ROUNDS):
        asked = scene.ask()

        def act(number, asked=asked):
            if number:
                return do(access.edit, asked, scene.requester_id, reason="For something else.")
            less = Narrowing(scopes={product_id: frozenset(scopes[:1])})
            return do(access.approve, asked, board[0], saying=Approval(less=less))

        results = race(2, act)

        assert only_refusals(results) == []
        request = settled(asked)
        assert request.revision == 3
        assert request.reason == "For something else."
        assert request.items[0].granted_scopes == scopes[:1]
        (review,) = stage_of(asked, "board").live_reviews
        seen["narrowed last" if review.content_hash == request.content_hash else "edited last"] += 1


@pytest.mark.parametrize("contenders", [2, 4])
def test_withdrawing_against_approving_ends_in_one_of_the_two(contenders, seen):
    owner = make_user(RoleName.API_OWNER)
    scene, owner_id = Scene(owner), owner.id
    for _ in range(ROUNDS):
        asked = scene.ask()

        def act(number, asked=asked):
            if number % 2:
                return do(access.withdraw, asked, scene.requester_id)
            return do(access.approve, asked, owner_id)

        results = race(contenders, act)

        assert len(only_refusals(results)) == contenders - 1
        seen[settled(asked).status.value] += 1


def test_a_stand_in_against_being_deactivated_answers_before_or_not_at_all(seen):
    owner, deputy = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    admin = make_user(RoleName.ADMINISTRATOR)
    scene, deputy_id, admin_id = Scene(owner), deputy.id, admin.id
    with transaction():
        owner = person_of(owner.id)
        access.delegate(deputy, by=owner, starts_at=now() - timedelta(hours=1), ends_at=now() + timedelta(days=9))
    for _ in range(ROUNDS):
        asked = scene.ask()

        def act(number, asked=asked):
            if number:
                with transaction():
                    gone = person_of(deputy_id)
                    return accounts.deactivate(gone, by=person_of(admin_id))
            return do(access.approve, asked, deputy_id)

        results = race(2, act)

        only_refusals(results)
        assert not isinstance(results[1], Exception)
        request = settled(asked)
        assert (request.status is RequestStatus.PENDING) == isinstance(results[0], PortalError)
        seen[request.status.value] += 1
        with transaction():
            accounts.reactivate(person_of(deputy_id), by=person_of(admin_id))
        if request.is_pending:
            do(access.withdraw, asked, scene.requester_id)


def test_delegating_against_being_deactivated_leaves_no_vote_of_somebody_who_has_gone(seen):
    owner, deputy, admin = (
        make_user(role) for role in (RoleName.API_OWNER, RoleName.API_OWNER, RoleName.ADMINISTRATOR)
    )
    scene, owner_id, deputy_id, admin_id = Scene(owner), owner.id, deputy.id, admin.id
    for _ in range(ROUNDS):
        asked = scene.ask()

        def act(number):
            with transaction():
                if number:
                    gone = person_of(owner_id)
                    return accounts.deactivate(gone, by=person_of(admin_id))
                begins, ends = now() - timedelta(minutes=1), now() + timedelta(days=3)
                return access.delegate(person_of(deputy_id), by=person_of(owner_id), starts_at=begins, ends_at=ends)

        results = race(2, act)

        only_refusals(results)
        request = settled(asked)
        assert not [p for p in access.stands_in_for(person_of(deputy_id)) if p.id == owner_id]
        turn = access.who_can_act(request)
        assert turn.person.id != owner_id
        do(access.approve, asked, turn.person.id)
        assert settled(asked).status is RequestStatus.APPROVED
        seen["delegated" if not isinstance(results[0], Exception) else "refused"] += 1
        with transaction():
            accounts.reactivate(person_of(owner_id), by=person_of(admin_id))
        for made in access.delegations_of(person_of(owner_id)):
            if not made.is_over:
                with transaction():
                    access.end_delegation(made, by=person_of(admin_id), reason="Back again.")


def test_asking_against_approving_ends_in_a_question_or_an_approval(seen):
    owners = [make_user(RoleName.API_OWNER) for _ in range(2)]
    scene, people = Scene(*owners), [owner.id for owner in owners]
    for _ in range(ROUNDS):
        asked = scene.ask()

        def act(number, asked=asked):
            if number:
                return do(access.ask, asked, people[1], question="Why?")
            return do(access.approve, asked, people[0])

        results = race(2, act)

        assert len(only_refusals(results)) == 1
        request = settled(asked)
        if request.is_pending:
            (question,) = access.questions_about(request)
            assert (stage_of(asked).state, question.state) == (StageState.PAUSED, QuestionState.OPEN)
            with transaction():
                access.answer(db.session.get(Clarification, question.id), by=request.requester, text="Because.")
            do(access.approve, asked, people[0])
            seen["asked"] += 1
        else:
            assert access.questions_about(request) == []
            seen["approved"] += 1


def test_staffing_anew_against_deciding_asks_nobody_for_what_is_decided(board, seen):
    scene, new = Scene(make_user(RoleName.API_OWNER)), make_user()
    new_id, group_id = new.id, accounts.find_group("board").id
    for turn in range(ROUNDS):
        asked = scene.ask()
        do(access.approve, asked, board[0])

        def act(number, asked=asked, turn=turn):
            if number:
                with transaction():
                    group = db.session.get(accounts.ReviewerGroup, group_id)
                    members = [*board, new_id] if turn % 2 == 0 else board
                    return accounts.set_members(group, [person_of(key) for key in members], by=None)
            return do(access.approve, asked, board[1])

        assert only_refusals(race(2, act)) == []
        settled(asked)
        stage = stage_of(asked, "board")
        assert stage.state is StageState.APPROVED
        assert not [assignee for assignee in stage.assignees if assignee.waits]
        do(access.withdraw, asked, scene.requester_id)
        seen["approved"] += 1


def test_R16_the_clock_against_approving_ends_in_one_of_the_two(seen):
    import time_machine

    owner = make_user(RoleName.API_OWNER)
    scene, owner_id = Scene(owner), owner.id
    for _ in range(ROUNDS):
        asked = scene.ask()
        stage_id = stage_of(asked).id
        with time_machine.travel(now() + timedelta(days=60)):

            def act(number, asked=asked, stage_id=stage_id):
                if number % 2:
                    with transaction():
                        return access.keep_time(stage_id)
                return do(access.approve, asked, owner_id)

            results = race(4, act)

            only_refusals(results)
            request = settled(asked)
            assert request.status in {RequestStatus.APPROVED, RequestStatus.EXPIRED}
            seen[request.status.value] += 1


def test_C137_two_activations_of_a_policy_at_once_put_one_in_force(seen):
    people = [make_user(RoleName.ADMINISTRATOR) for _ in range(3)]
    keys = [person.id for person in people]
    rules = {"rules": [], "order": [["owner"]]}
    for _ in range(ROUNDS):
        drafts = []
        for _ in range(2):
            with transaction():
                draft = policies.create_draft(rules, by=person_of(keys[0]))
                policies.ask_activation(draft, by=person_of(keys[0]), revision=draft.version)
            drafts.append((draft.id, draft.version))
        before = policies.active_version()
        before_id = before.id if before is not None else None

        def act(number, drafts=drafts, before_id=before_id):
            with transaction():
                key, revision = drafts[number]
                version = db.session.get(PolicyVersion, key)
                by = person_of(keys[1 + number])
                return policies.activate(version, by=by, revision=revision, in_place_of=before_id).id

        results = race(2, act)

        assert len(only_refusals(results)) == 1
        assert number_of(PolicyVersion, PolicyVersion.state == PolicyState.ACTIVE) == 1
        (winner,) = [result for result in results if isinstance(result, int)]
        assert policies.active_version().id == winner
        seen["activated"] += 1
