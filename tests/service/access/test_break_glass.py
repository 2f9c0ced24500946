"""Emergency access: at once, within its envelope, loudly, and with a debt that closes it if unpaid."""

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine

from portal import access
from portal.access import GrantState, RequestStatus, StageState
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import now, transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind
from tests.support.builders import make_app, make_plan, make_product, make_user
from tests.support.records import events_of
from tests.support.threads import errors_in, race

pytestmark = pytest.mark.usefixtures("app")
SAYING = {"reason": "Payments are down.", "minutes": 30, "step_up": "password"}


@pytest.fixture
def reviewer():
    return make_user(RoleName.SECURITY_REVIEWER)


@pytest.fixture
def engineer():
    return make_user(RoleName.CONSUMER)


@pytest.fixture
def envelope(reviewer, engineer):
    plan = make_plan()
    product = make_product(plans=[plan], owners=[make_user(RoleName.API_OWNER)])
    administrator = make_user(RoleName.ADMINISTRATOR)
    with transaction():
        return access.set_envelope(
            access.EnvelopeTerms(
                name="Payments at night",
                product=product,
                plan=plan,
                scopes=product.scope_names[:1],
                most_minutes=60,
                people=[engineer],
            ),
            by=administrator,
        )


def broken(envelope, engineer, app=None, **saying):
    app = app or make_app(engineer)
    with transaction():
        return access.break_glass(envelope, app, by=engineer, **{**SAYING, **saying})


def test_access_is_there_at_once_for_minutes_and_somebody_else_is_asked(envelope, engineer, reviewer):
    request = broken(envelope, engineer)

    (grant,) = access.grants_of(request.app)
    assert grant.is_live
    assert grant.scopes == envelope.scopes
    assert grant.environment is Environment.PROD
    assert 29 * 60 <= (grant.ends_at - now()).total_seconds() <= 30 * 60
    assert request.status_text == "Pending break-glass review"
    assert access.may_decide(request, reviewer)
    assert not access.may_decide(request, engineer)
    assert [event.reason for event in events_of(request, EventKind.GLASS_BROKEN)] == ["Payments are down."]
    assert access.emergencies() == [grant]


def test_a_paid_debt_closes_the_request_and_gives_nothing_more(envelope, engineer, reviewer):
    request = broken(envelope, engineer)

    with transaction():
        access.approve(request, by=reviewer, comment="It was right.")

    assert request.status is RequestStatus.APPROVED
    assert len(access.grants_of(request.app)) == 1
    assert access.bar_of(engineer) is None
    broken(envelope, engineer)


def test_a_refused_debt_ends_the_access_and_bars_the_person_until_somebody_lifts_it(envelope, engineer, reviewer):
    request = broken(envelope, engineer)

    with transaction():
        access.reject(request, by=reviewer, reason="There was no emergency.")

    (grant,) = access.grants_of(request.app)
    assert grant.state is GrantState.REVOKED
    assert not grant.credential.is_live
    with pytest.raises(NotAllowed, match="There was no emergency"):
        broken(envelope, engineer)
    administrator = make_user(RoleName.ADMINISTRATOR)
    with transaction():
        access.lift_bar(access.bar_of(engineer), by=administrator, reason="We have spoken.")
    broken(envelope, engineer)


def test_what_is_outside_the_envelope_is_refused(envelope, engineer):
    app, stranger = make_app(engineer), make_user()
    for saying, field in [({"minutes": 61}, "minutes"), ({"reason": " "}, "reason"), ({"step_up": ""}, "password")]:
        with pytest.raises(Invalid) as refusal:
            broken(envelope, engineer, app, **saying)
        assert refusal.value.field == field
    with pytest.raises(NotAllowed, match="not set up for you"):
        broken(envelope, stranger)
    others = make_app(stranger)
    with pytest.raises(NotAllowed, match="your own apps"):
        broken(envelope, engineer, others)
    assert access.grants_of(app) == []


def test_one_debt_at_a_time_and_it_cannot_be_withdrawn_or_reworded(envelope, engineer):
    request = broken(envelope, engineer)

    with pytest.raises(Conflict, match="not been reviewed"):
        broken(envelope, engineer)
    with pytest.raises(Conflict, match="cannot be withdrawn"), transaction():
        access.withdraw(request, by=engineer)
    with pytest.raises(Conflict, match="stays as it was said"), transaction():
        access.edit(request, by=engineer, reason="Something nicer.")


def test_an_envelope_keeps_within_bounds_and_nobody_sets_one_for_themselves(envelope):
    administrator = envelope.created_by
    given = access.EnvelopeTerms("More", envelope.product, envelope.plan, envelope.scopes, 60, envelope.people)
    for change, field in [
        ({"most_minutes": 241}, "most_minutes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"people": [administrator]}, "people"),
        ({"name": ""}, "name"),
    ]:
        with pytest.raises(Invalid) as refusal, transaction():
            access.set_envelope(replace(given, **change), by=administrator)
        assert refusal.value.field == field
    owner = make_user(RoleName.API_OWNER)
    with pytest.raises(NotAllowed), transaction():
        access.set_envelope(given, by=owner)


def test_ten_at_once_break_the_glass_once(envelope, engineer):
    app = make_app(engineer)
    keys = envelope.id, app.id, engineer.id

    def break_it(_number):
        from portal.accounts import User
        from portal.apps import DeveloperApp
        from portal.db import db

        with transaction():
            found = access.find_envelope(keys[0])
            person, mine = db.session.get(User, keys[2]), db.session.get(DeveloperApp, keys[1])
            return access.break_glass(found, mine, by=person, **SAYING).id

    results = race(10, break_it)

    assert len([result for result in results if isinstance(result, int)]) == 1
    assert all(isinstance(error, Conflict) for error in errors_in(results))
    assert len(access.grants_of(app)) == 1


def test_the_debt_that_nobody_pays_expires_and_takes_the_access_with_it(envelope, engineer):
    request = broken(envelope, engineer)
    stage = request.stages[0]

    with time_machine.travel(now() + timedelta(days=30)), transaction():
        access.keep_time(stage.id)

    assert (stage.state, request.status) == (StageState.EXPIRED, RequestStatus.EXPIRED)
    assert access.grants_of(request.app)[0].state is GrantState.REVOKED
    assert access.bar_of(engineer) is not None
