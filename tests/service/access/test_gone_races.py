"""People who go, or give away what they have, at the moment at which they act: nothing is begun for them afterwards."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from portal import access, accounts, catalog, credentials, forms, policies
from portal.access import Delegation, RequestStatus, StageState
from portal.accounts import ReviewerGroup, RoleName
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, Plan, ProductState
from portal.credentials import Credential
from portal.db import db, now, transaction
from portal.errors import NotAllowed, PortalError
from portal.policies import PolicyState, PolicyVersion
from portal.policies.stages import Quorum
from tests.service.access.racing import (
    ROUNDS,
    Scene,
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
    fill_cart,
    make_app,
    make_group,
    make_plan,
    make_policy,
    make_product,
    make_stage,
    make_user,
)
from tests.support.ends import hold
from tests.support.threads import race

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.timeout(300 + 5 * ROUNDS)]


@pytest.fixture
def seen():
    """How often each end was reached: printed when many rounds are run."""
    counted: Counter[str] = Counter()
    yield counted
    print(f"{sum(counted.values())} rounds: {dict(counted)}")  # noqa: T201


def give(app_id, to_id, by_id):
    with transaction():
        app = db.session.get(DeveloperApp, app_id)
        mark = access.impact_of(app).mark
        return access.transfer_app(app, person_of(to_id), by=person_of(by_id), reason="Moves.", seen=mark).id


def close(person_id, admin_id):
    with transaction():
        person = person_of(person_id)
        accounts.deactivate(person, by=person_of(admin_id))
        access.restaff(access.requests_of(person))


def open_again(person_id, admin_id):
    with transaction():
        accounts.reactivate(person_of(person_id), by=person_of(admin_id))


def then(begun, seconds=0.4):
    """Do something slowly: others come in between."""

    def slowly(*args, real, **kwargs):
        begun.set()
        time.sleep(seconds)
        return real(*args, **kwargs)

    return slowly


def test_H1_no_secret_is_shown_to_whom_an_app_belongs_to_no_longer(monkeypatch):
    """Seen after the app was given away, it would be one that the new owner is not told to rotate."""
    from portal.access import ending, handing_over

    former, new = make_user(), make_user()
    asked = hold(None, owner=former)
    plan = make_plan(auto_approve=True)
    fill_cart(former, make_product(plans=[plan]), plan=plan)
    with transaction():
        (other,) = access.submit(asked.app, by=former)
    credential_id, app_id, former_id, new_id = other.credential_id, asked.app_id, former.id, new.id
    begun, real = threading.Event(), ending.withdraw_pending
    monkeypatch.setattr(handing_over, "withdraw_pending", partial(then(begun), real=real))

    def act(number):
        if number == 0:
            return give(app_id, new_id, former_id)
        begun.wait(5)
        with transaction():
            return credentials.reveal(db.session.get(Credential, credential_id), by=person_of(former_id)).secret

    given, shown = race(2, act)

    assert given == app_id
    assert isinstance(shown, NotAllowed)


def test_nothing_is_asked_for_by_whose_account_is_being_closed(monkeypatch):
    from portal.accounts import people, sessions

    person, admin = make_user(), make_user(RoleName.ADMINISTRATOR)
    plan = make_plan(auto_approve=True)
    app = make_app(person)
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    person_id, admin_id, app_id = person.id, admin.id, app.id
    begun = threading.Event()
    monkeypatch.setattr(people, "end_sessions", partial(then(begun), real=sessions.end_sessions))

    def act(number):
        if number == 0:
            return close(person_id, admin_id)
        begun.wait(5)
        with transaction():
            return access.submit(db.session.get(DeveloperApp, app_id), by=person_of(person_id))

    _, asked = race(2, act)

    assert isinstance(asked, PortalError)
    assert access.requests_of(person_of(person_id)) == []


def test_giving_an_app_away_against_a_vote_loses_neither(seen):
    """The app's requests are withdrawn with it; what had been answered by then stays answered."""
    owner, admin = make_user(RoleName.API_OWNER), make_user(RoleName.ADMINISTRATOR)
    make_stage("board", quorum=Quorum(2))
    members = [make_user() for _ in range(2)]
    make_policy(demanding("board"), order=[["board"], ["owner"]])
    make_group("board", *members)
    scene, keys, admin_id, to_id = Scene(owner), [member.id for member in members], admin.id, 0
    for turn in range(ROUNDS):
        asked = scene.ask()
        app_id, to_id = request_of(asked).app_id, make_user().id if turn % 20 == 0 else to_id
        do(access.approve, asked, keys[0])

        def act(number, asked=asked, app_id=app_id, to_id=to_id):
            return give(app_id, to_id, admin_id) if number else do(access.approve, asked, keys[1])

        results = race(2, act)

        only_refusals(results)
        request, stage = settled(asked), stage_of(asked, "board")
        assert results[1] == app_id
        assert request.status is RequestStatus.WITHDRAWN
        voted = not isinstance(results[0], Exception)
        assert len(stage.live_reviews) == 1 + voted
        assert stage.state is (StageState.APPROVED if voted else StageState.CANCELLED)
        seen["voted" if voted else "given"] += 1


def test_giving_an_app_away_against_the_last_approval_ends_in_one_of_the_two(seen):
    owner, admin = make_user(RoleName.API_OWNER), make_user(RoleName.ADMINISTRATOR)
    scene, owner_id, admin_id, to_id = Scene(owner), owner.id, admin.id, 0
    for turn in range(ROUNDS):
        asked = scene.ask()
        app_id, to_id = request_of(asked).app_id, make_user().id if turn % 20 == 0 else to_id

        def act(number, asked=asked, app_id=app_id, to_id=to_id):
            return give(app_id, to_id, admin_id) if number else do(access.approve, asked, owner_id)

        results = race(2, act)

        only_refusals(results)
        request = settled(asked)
        assert request.status in {RequestStatus.APPROVED, RequestStatus.WITHDRAWN}
        moved = not isinstance(results[1], Exception)  # an approval makes what was shown untrue
        assert moved or request.status is RequestStatus.APPROVED
        seen[f"{request.status}, {'given' if moved else 'kept'}"] += 1


def test_another_plan_asked_for_against_the_app_given_away_and_back(seen):
    """Both lock the person and the app."""
    owner, admin = make_user(RoleName.API_OWNER), make_user(RoleName.ADMINISTRATOR)
    silver, gold = make_plan(auto_approve=True), make_plan()
    product = make_product(plans=[silver, gold], owners=[owner])
    one = make_user()
    asked = hold(None, product, owner=one, plan=silver)
    keys = {"app": asked.app_id, "credential": asked.credential_id, "gold": gold.id}
    people, admin_id = [one.id, make_user().id], admin.id
    for turn in range(ROUNDS):
        has, other = people[turn % 2], people[(turn + 1) % 2]

        def act(number, has=has, other=other):
            if number == 1:
                return give(keys["app"], other, admin_id)
            if number == 2:
                return give(keys["app"], has, admin_id)
            with transaction():
                credential = db.session.get(Credential, keys["credential"])
                plan = db.session.get(Plan, keys["gold"])
                return access.ask_plan_change(credential, plan, by=person_of(has), reason="We grow.").id

        results = race(3, act)

        only_refusals(results)
        app = db.session.get(DeveloperApp, keys["app"])
        waiting = [r for key in people for r in access.requests_of(person_of(key)) if r.is_pending]
        assert {r.requester_id for r in waiting} <= {app.owner_id}
        for request in waiting:
            do(access.withdraw, request.id, app.owner_id)
        if app.owner_id != other:
            give(keys["app"], other, admin_id)
        seen["asked" if not isinstance(results[0], Exception) else "refused"] += 1


def test_C137_a_policy_put_in_force_against_requests_judges_each_by_one_version(seen):
    people = [make_user(RoleName.ADMINISTRATOR).id for _ in range(2)]
    scene = Scene(make_user(RoleName.API_OWNER))
    make_group("legal", make_user())
    make_policy(demanding("owner"))
    for turn in range(ROUNDS):
        wanted = ["owner", "legal"] if turn % 2 == 0 else ["owner"]
        with transaction():
            draft = policies.create_draft({"rules": [demanding(*wanted)], "order": []}, by=person_of(people[0]))
            policies.ask_activation(draft, by=person_of(people[0]), revision=draft.version)
        key, revision, before = draft.id, draft.version, policies.active_version().id
        person = person_of(scene.requester_id) if turn % 25 else make_user()
        scene.requester_id = person.id
        app_id = make_app(person).id
        fill_cart(person, db.session.get(ApiProduct, scene.product.id), plan=db.session.get(Plan, scene.plan.id))

        def act(number, key=key, revision=revision, before=before, app_id=app_id):
            with transaction():
                if number == 0:
                    by, version = person_of(people[1]), db.session.get(PolicyVersion, key)
                    return policies.activate(version, by=by, revision=revision, in_place_of=before).id
                by = person_of(scene.requester_id)
                return access.submit(db.session.get(DeveloperApp, app_id), by=by, reason="We need it.")[0].id

        results = race(2, act)

        assert only_refusals(results) == []
        request = settled(results[1])
        known = access.last_decision(request)
        new = {stage.key for stage in request.stages} == set(wanted)
        assert new or {stage.key for stage in request.stages} == ({"owner", "legal"} ^ ({"legal"} & set(wanted)))
        assert sorted(known.stages) == sorted(stage.key for stage in request.stages)
        assert number_of(PolicyVersion, PolicyVersion.state == PolicyState.ACTIVE) == 1
        seen["by the new" if new else "by the old"] += 1
        do(access.withdraw, request.id, scene.requester_id)


def test_C34_being_taken_out_of_a_group_against_ones_vote_that_closes_the_stage(seen):
    make_stage("board", quorum=Quorum(2))
    members = [make_user() for _ in range(3)]
    make_policy(demanding("board"), order=[["board"], ["owner"]])
    group_id, keys = make_group("board", *members).id, [member.id for member in members]
    scene = Scene(make_user(RoleName.API_OWNER))

    def put(people):
        with transaction():
            group = db.session.get(ReviewerGroup, group_id)
            accounts.set_members(group, [person_of(key) for key in people], by=None)
            waiting = [r for r in access.requests_of(person_of(scene.requester_id)) if r.is_pending]
            return access.restaff(waiting)

    for _ in range(ROUNDS):
        asked = scene.ask()
        do(access.approve, asked, keys[0])

        def act(number, asked=asked):
            return put([keys[0], keys[2]]) if number else do(access.approve, asked, keys[1])

        results = race(2, act)

        only_refusals(results)
        settled(asked)
        stage = stage_of(asked, "board")
        counted = not isinstance(results[0], Exception)
        assert not isinstance(results[1], Exception)
        assert len(stage.live_reviews) == 1 + counted
        assert stage.state is (StageState.APPROVED if counted else StageState.OPEN)
        seen["voted" if counted else "gone"] += 1
        do(access.withdraw, asked, scene.requester_id)
        put(keys)


def test_T17_a_product_retired_against_its_approval_opens_nothing_afterwards(seen):
    owner = make_user(RoleName.API_OWNER)
    scene, owner_id = Scene(owner), owner.id
    for _ in range(ROUNDS):
        asked = scene.ask()

        def act(number, asked=asked):
            if number == 0:
                return do(access.approve, asked, owner_id)
            with transaction():
                product = db.session.get(ApiProduct, scene.product.id)
                return catalog.change_product_state(product, ProductState.RETIRED, by=person_of(owner_id)).state

        results = race(2, act)

        only_refusals(results)
        assert results[1] is ProductState.RETIRED
        request = settled(asked)
        if request.status is RequestStatus.APPROVED:
            assert not access.find_entitlement(request.credential.client_id).scopes
        seen[request.status.value] += 1
        with transaction():
            product = db.session.get(ApiProduct, scene.product.id)
            catalog.change_product_state(product, ProductState.PUBLISHED, by=person_of(owner_id))
        if request.is_pending:
            do(access.withdraw, asked, scene.requester_id)


def test_breaking_the_glass_against_ones_account_being_closed_leaves_all_or_nothing(seen):
    make_user(RoleName.SECURITY_REVIEWER)
    engineer_id, admin_id = make_user().id, make_user(RoleName.ADMINISTRATOR).id
    plan = make_plan()
    product = make_product(plans=[plan], owners=[make_user(RoleName.API_OWNER)])
    names = product.scope_names
    with transaction():
        what = {"product": product, "plan": plan, "scopes": names, "most_minutes": 60}
        terms = access.EnvelopeTerms(name="Night", people=[person_of(engineer_id)], **what)
        key = access.set_envelope(terms, by=person_of(admin_id)).id
    reviewer_id = accounts.people_with_role(RoleName.SECURITY_REVIEWER)[0].id
    for _ in range(ROUNDS):
        app_id = make_app(person_of(engineer_id)).id

        def act(number, app_id=app_id):
            if number:
                return close(engineer_id, admin_id)
            with transaction():
                saying = {"reason": "Down.", "minutes": 30, "step_up": "password", "by": person_of(engineer_id)}
                return access.break_glass(access.find_envelope(key), db.session.get(DeveloperApp, app_id), **saying).id

        results = race(2, act)

        only_refusals(results)
        assert not isinstance(results[1], Exception)
        db.session.rollback()
        held = access.grants_of(db.session.get(DeveloperApp, app_id))
        assert bool(held) == isinstance(results[0], int)
        seen["given" if held else "refused"] += 1
        open_again(engineer_id, admin_id)
        if held:
            do(access.approve, results[0], reviewer_id, comment="It was needed.")
        with transaction():
            access.delete_app(db.session.get(DeveloperApp, app_id), by=person_of(engineer_id))


def test_standing_in_that_ends_against_a_vote_counts_before_or_not_at_all(seen):
    owner, deputy = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    scene, owner_id, deputy_id = Scene(owner), owner.id, deputy.id
    for _ in range(ROUNDS):
        asked = scene.ask()
        with transaction():
            dates = {"starts_at": now() - timedelta(hours=1), "ends_at": now() + timedelta(days=1)}
            made = access.delegate(person_of(deputy_id), by=person_of(owner_id), **dates).id

        def act(number, asked=asked, made=made):
            if number == 0:
                return do(access.approve, asked, deputy_id)
            with transaction():
                return access.end_delegation(db.session.get(Delegation, made), by=person_of(owner_id))

        results = race(2, act)

        only_refusals(results)
        assert results[1] is None
        request = settled(asked)
        assert request.is_pending == isinstance(results[0], PortalError)
        assert not access.voices_in(request, person_of(deputy_id))
        seen[request.status.value] += 1
        if request.is_pending:
            do(access.withdraw, asked, scene.requester_id)


def test_renewing_against_revoking_never_gives_back_what_was_revoked(seen):
    owner = make_user(RoleName.API_OWNER)
    plan = make_plan(auto_approve=True, credential_lifetime_days=1)
    product = make_product(plans=[plan], owners=[owner])
    owner_id, product_id, plan_id = owner.id, product.id, plan.id
    for _ in range(ROUNDS):
        asked = hold(None, db.session.get(ApiProduct, product_id), plan=db.session.get(Plan, plan_id))
        (grant,) = access.grants_from(asked)
        key, grant_id, person_id, app_id = asked.credential_id, grant.id, asked.requester_id, asked.app_id

        def act(number, key=key, grant_id=grant_id, person_id=person_id):
            with transaction():
                if number == 0:
                    return access.renew(db.session.get(Credential, key), by=person_of(person_id), days=(30, 7)).status
                grant = db.session.get(access.Grant, grant_id)
                return access.revoke_access(grant, by=person_of(owner_id), reason="Misuse.").id

        results = race(2, act)

        only_refusals(results)
        db.session.rollback()
        held = [grant for grant in access.grants_of(db.session.get(DeveloperApp, app_id)) if grant.is_held]
        renewed = not isinstance(results[0], Exception)
        assert renewed != (not isinstance(results[1], Exception))
        assert bool(held) == renewed
        assert db.session.get(Credential, key).is_live == renewed
        seen["renewed" if renewed else "revoked"] += 1


def test_a_draft_kept_against_its_being_submitted_leaves_one_whole_thing(seen):
    owner = make_user(RoleName.API_OWNER)
    scene = Scene(owner)
    product_id, plan_id, person_id = scene.product.id, scene.plan.id, 0
    for turn in range(ROUNDS):
        person = make_user() if turn % 20 == 0 else person_of(person_id)
        person_id, app_id = person.id, make_app(person).id
        fill_cart(person, db.session.get(ApiProduct, product_id), plan=db.session.get(Plan, plan_id))

        def act(number, person_id=person_id, app_id=app_id):
            with transaction():
                by = person_of(person_id)
                if number:
                    access.open_cart(by=by)
                    return forms.save_draft({"reason": "Half"}, by=by).id
                made = access.submit(db.session.get(DeveloperApp, app_id), by=by, reason="Whole.")
                forms.forget_draft(by)
                return made[0].id

        results = race(3, act)

        assert isinstance(results[0], int)
        only_refusals(results)
        assert settled(results[0]).reason == "Whole."
        assert forms.draft_of(person_of(person_id)) is None
        seen["kept first" if any(isinstance(r, int) for r in results[1:]) else "submitted first"] += 1
        do(access.withdraw, results[0], person_id)
