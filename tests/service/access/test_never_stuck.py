"""At any moment one real person can act on each open request, or an alarm says that nobody can."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from portal import access, accounts
from portal.access import AccessRequest, ReviewStage, StageState
from portal.accounts import RoleName, User
from portal.db import db, transaction
from portal.events import AuditEvent, EventKind, OutboxMessage, record
from tests.support.builders import make_group, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
BY_GROUP = [{"kind": "group", "key": "legal"}, {"kind": "group", "key": "architects"}]


def close_account(person: User) -> None:
    with transaction():
        person = db.session.get(User, person.id)
        person.active = False
        record(EventKind.DEACTIVATED, subject=person, by=None)


def turn(request: AccessRequest) -> access.Turn:
    db.session.rollback()
    found = access.who_can_act(request)
    assert found is not None
    return found


def staff_by(request: AccessRequest, sources: list[dict[str, str]], quorum: dict[str, object] | None = None) -> None:
    """Let the request's stage be staffed by these sources, with nobody asked before."""
    with transaction():
        (stage,) = db.session.get(AccessRequest, request.id).stages
        stage.template = {**stage.template, "sources": sources, "quorum": quorum or {"n": 1, "mode": "total"}}
        for assignee in list(stage.assignees):
            db.session.delete(assignee)
    with transaction():
        access.restaff([db.session.get(AccessRequest, request.id)])


def test_an_open_request_names_who_can_act_and_by_when():
    owner = make_user(RoleName.API_OWNER)
    with time_machine.travel(MONDAY, tick=False):
        request = make_request(owner=owner)
        found = turn(request)

    assert (found.person, found.alarm) == (owner, "")
    assert found.by_when == MONDAY + timedelta(days=4, hours=8)
    assert list(access.alarms()) == []
    assert access.count_alarms() == 0


def test_when_the_owner_goes_somebody_else_is_asked_at_once():
    owner, colleague = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)

    close_account(owner)

    assert turn(request).person == colleague
    told = [m.recipient for m in db.session.query(OutboxMessage).filter_by(kind="submitted")]
    assert colleague.email in told


def test_without_anybody_an_alarm_is_raised_once_and_ends_when_somebody_comes():
    owner = make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)

    close_account(owner)
    with transaction():
        access.restaff([request])

    found = turn(request)
    assert found.person is None
    assert found.alarm == "Nobody is left who may answer."
    (alarm,) = access.alarms()
    assert (alarm.request.id, access.count_alarms()) == (request.id, 1)
    assert (
        db.session.query(AuditEvent).filter_by(kind=EventKind.STAGE_UNSTAFFED, subject_id=alarm.stage.id).count() == 1
    )

    admin = make_user()
    with transaction():
        accounts.change_roles(db.session.get(User, admin.id), [RoleName.ADMINISTRATOR], by=owner)
    assert turn(request).person == admin
    assert access.count_alarms() == 0


def test_a_quorum_that_cannot_be_had_is_an_alarm_unless_administrators_can_fill_it():
    first = make_user(RoleName.SECURITY_REVIEWER)
    request = make_request()

    staff_by(request, [{"kind": "role", "role": "security_reviewer"}], {"n": 2, "mode": "total"})

    assert "2 approvals are needed" in turn(request).alarm
    make_user(RoleName.ADMINISTRATOR)
    with transaction():
        access.restaff([request])
    assert turn(request).person == first
    assert access.count_alarms() == 0


def test_a_group_without_members_among_several_is_filled_by_an_administrator():
    lawyer, admin = make_user(), make_user(RoleName.ADMINISTRATOR)
    with transaction():
        accounts.add_group("architects", name="Architects", by=None)
        group = accounts.add_group("legal", name="Legal", by=None)
        accounts.join_group(group, db.session.get(User, lawyer.id), by=None)
    request = make_request()

    staff_by(request, BY_GROUP, {"n": 1, "mode": "per_group"})

    assert turn(request).alarm == ""
    for person in (lawyer, admin):
        with transaction():
            access.approve(db.session.get(AccessRequest, request.id), by=db.session.get(User, person.id))
    assert db.session.get(AccessRequest, request.id).status == "approved"


def test_a_group_without_members_among_several_is_named_when_nobody_else_can_fill_it():
    lawyers = [make_user() for _ in range(3)]
    make_group("legal", *lawyers)
    architects = make_group("architects")
    request = make_request()

    staff_by(request, BY_GROUP, {"n": 1, "mode": "per_group"})

    assert turn(request).alarm == "Somebody of the group architects has to approve, and nobody of it can."
    assert access.count_alarms() == 1

    architect = make_user()
    with transaction():
        accounts.set_members(architects, [db.session.get(User, architect.id)], by=None)
    assert turn(request).alarm == ""
    for person in (lawyers[0], architect):
        with transaction():
            access.approve(db.session.get(AccessRequest, request.id), by=db.session.get(User, person.id))
    assert db.session.get(AccessRequest, request.id).status == "approved"


def test_an_open_stage_whose_group_loses_its_last_member_is_an_alarm():
    lawyer, architect = make_user(), make_user()
    make_group("legal", lawyer)
    architects = make_group("architects", architect)
    request = make_request()
    staff_by(request, BY_GROUP, {"n": 1, "mode": "per_group"})
    assert turn(request).alarm == ""

    with transaction():
        accounts.set_members(architects, [], by=None)

    assert "group architects" in turn(request).alarm
    assert access.count_alarms() == 1


def test_a_question_waits_for_the_requester_unless_they_have_gone():
    request = make_request()
    with transaction():
        db.session.get(AccessRequest, request.id).stages[0].move_to(StageState.PAUSED)

    found = turn(request)
    assert found.person == request.requester
    assert found.by_when is not None
    close_account(request.requester)
    assert turn(request).alarm == "The requester who should answer has gone."
    assert access.count_alarms() == 1


def test_a_request_without_an_open_stage_is_an_alarm():
    request = make_request()
    with transaction():
        db.session.query(ReviewStage).update({"state": StageState.WAITING})

    assert turn(request).alarm == "No stage of this request is open."
    assert [alarm.request.id for alarm in access.alarms()] == [request.id]
    assert access.count_alarms() == 1


def test_a_closed_request_waits_for_nobody():
    request = make_request(plan=make_plan(auto_approve=True))

    assert access.who_can_act(request) is None
    assert access.count_alarms() == 0


def test_the_rounds_find_what_nobody_noticed_and_give_old_stages_their_times():
    owner, admin = make_user(RoleName.API_OWNER), make_user(RoleName.ADMINISTRATOR)
    requests = [make_request(owner=owner) for _ in range(3)]
    with transaction():
        db.session.get(User, owner.id).active = False  # by hand in the database: nothing was staffed anew
        db.session.query(ReviewStage).update({"due_at": None})

    with transaction():
        assert access.look_after(size=2) == requests[1].id
    with transaction():
        assert access.look_after(requests[1].id, size=2) == 0

    for request in requests:
        assert turn(request).person == admin
        assert turn(request).by_when is not None


def test_C43_a_lead_gets_one_digest_a_week_and_none_when_nothing_is_open():
    with time_machine.travel(MONDAY + timedelta(days=1), tick=False) as clock:
        admin, lawyer = make_user(RoleName.ADMINISTRATOR), make_user(RoleName.REVIEWER)
        owner = make_user(RoleName.API_OWNER)
        plan = make_plan()
        request = make_request(None, make_product("Ledger", plans=[plan], owners=[owner]), plan=plan)
        with transaction():
            stage = db.session.get(AccessRequest, request.id).stages[0]
            stage.template = {**stage.template, "escalation": [{"kind": "person", "email": lawyer.email}]}

        for day in range(1, 15):
            clock.move_to(MONDAY + timedelta(days=day, hours=3))
            for _ in range(2):
                with transaction():
                    access.plan_digests()
                for person_id in access.digests_due():
                    with transaction():
                        access.send_digest(person_id)
            if day == 8:
                with transaction():
                    access.approve(db.session.get(AccessRequest, request.id), by=db.session.get(User, owner.id))

        digests = db.session.query(OutboxMessage).filter_by(kind="digest").all()
        assert sorted(m.recipient for m in digests) == sorted([admin.email, lawyer.email])
        text = digests[0].payload["text"]
        for words in (request.number, "Ledger", "open for 6 days", "due 23 November 2026", owner.display_name):
            assert words in text


def test_of_many_stages_that_a_change_touches_the_first_follow_at_once_and_the_rest_by_the_clock(monkeypatch):
    from portal.access import changes

    monkeypatch.setattr(changes, "AT_ONCE", 2)
    owner, colleague = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    requests = [make_request(owner=owner) for _ in range(5)]

    close_account(owner)

    asked = [colleague.id in {a.user_id for a in request.stages[0].assignees} for request in requests]
    assert asked == [True, True, False, False, False]
    for stage_id in access.stages_due():
        with transaction():
            access.keep_time(stage_id)
    db.session.rollback()
    assert all(access.may_decide(request, colleague) for request in requests)
    assert not [m for m in db.session.query(OutboxMessage) if m.kind in {"reminder", "escalated"}]
