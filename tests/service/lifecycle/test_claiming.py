"""Claiming a secret: after the terms of use of each product are accepted (C69, C72), and not for ever."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
import time_machine

from portal import access, catalog, credentials, events, lifecycle, schedule
from portal.accounts import RoleName
from portal.config import BadSettings, load
from portal.credentials import Credential, CredentialState
from portal.db import db, transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import AuditEvent, EventKind, OutboxMessage
from portal.timekeeper import TIMERS_ARE_KEPT, Timekeeper
from tests.support.builders import make_plan, make_product, make_request, make_user
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as travelling:
        yield travelling


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER, name="Ada Lovelace")


@pytest.fixture
def products(owner):
    plan = make_plan("Gold", auto_approve=True)
    return [make_product(name, plans=[plan], owners=[owner]) for name in ("Payments", "Weather", "Maps")]


@pytest.fixture
def held(clock, products):
    return make_request(None, *products, plan=catalog.plans_for(products[0])[0])


def publish(product, text, *, by, after=0):
    with transaction():
        return catalog.publish_terms(product, text, by=by, after=after)


def claim(held, *terms, by=None):
    with transaction():
        accepted = {each.id for each in terms}
        return lifecycle.claim(held.credential, accepted=accepted, by=by or held.requester)


def stored(held) -> Credential:
    db.session.rollback()
    return db.session.get(Credential, held.credential_id)


def tick(app) -> None:
    keeper = Timekeeper(app, Event())
    keeper._set_notices()
    keeper.fire(lifecycle.SUBJECT, lifecycle.credentials_due, lifecycle.keep_time)


def mails(kind: str) -> list[OutboxMessage]:
    return db.session.query(OutboxMessage).filter_by(kind=kind).order_by(OutboxMessage.id).all()


# --- terms of use ----------------------------------------------------------------------------------------------------


def test_terms_are_published_in_versions_and_the_newest_are_in_force(products, owner):
    first = publish(products[0], "Be kind.", by=owner)
    second = publish(products[0], "Be **very** kind.", by=owner, after=1)

    assert (first.number, second.number) == (1, 2)
    assert catalog.newest_terms(products[0]).text == "Be **very** kind."
    assert [terms.text for terms in catalog.terms_versions(products[0])] == ["Be **very** kind.", "Be kind."]
    assert catalog.newest_terms(products[1]) is None
    told = [e.after for e in events.subject_history(products[0]) if e.kind == EventKind.TERMS_PUBLISHED]
    assert told == [{"version": 1}, {"version": 2}]


@pytest.mark.parametrize(("text", "said"), [("", "Write what"), ("  \n", "Write what"), ("Be kind.", "in force")])
def test_terms_are_neither_empty_nor_those_in_force(products, owner, text, said):
    publish(products[0], "Be kind.", by=owner)

    with pytest.raises(Invalid, match=said) as refusal:
        publish(products[0], text, by=owner, after=1)

    assert refusal.value.field == "text"


def test_terms_are_not_published_over_those_that_their_author_has_not_seen(products, owner):
    publish(products[0], "Be kind.", by=owner)

    with pytest.raises(Conflict, match="Version 1 was published"):
        publish(products[0], "Be quick.", by=owner)


def test_only_owners_and_administrators_publish_terms(products):
    for other in (make_user(), make_user(RoleName.API_OWNER), make_user(RoleName.PLAN_MANAGER)):
        with pytest.raises(NotAllowed):
            publish(products[0], "Mine.", by=other)
    publish(products[0], "House rules.", by=make_user(RoleName.ADMINISTRATOR))


def test_the_newest_terms_of_many_products_take_one_query(products, owner):
    for product in products[:2]:
        publish(product, "Be kind.", by=owner)
    keys = [product.id for product in products]
    db.session.rollback()

    with count_queries() as counted:
        assert [terms.label for terms in catalog.newest_terms_of(keys)] == ["Payments, version 1", "Weather, version 1"]

    assert len(counted) == 1
    assert catalog.newest_terms_of([]) == []


# --- claiming --------------------------------------------------------------------------------------------------------


def test_C72_no_secret_is_made_before_the_newest_terms_of_each_product_are_accepted(held, products, owner):
    payments = publish(products[0], "Be kind.", by=owner)
    weather = publish(products[1], "Look up.", by=owner)
    newer = publish(products[0], "Be very kind.", by=owner, after=1)

    for accepted in ((), (payments, weather), (newer,)):
        with pytest.raises(Invalid, match="Accept the terms of use of") as refusal:
            claim(held, *accepted)
        assert refusal.value.field in {f"terms_{newer.id}", f"terms_{weather.id}"}
    assert stored(held).state is CredentialState.PENDING_REVEAL
    assert stored(held).secret_hash is None
    assert credentials.receipts_of([held.credential_id]) == []

    revealed = claim(held, newer, weather)

    assert access.entitlement_for(revealed.client_id, revealed.secret).is_live
    receipts = credentials.receipts_of([held.credential_id])
    assert {(r.terms.label, r.person_id, r.accepted_at) for r in receipts} == {
        ("Payments, version 2", held.requester_id, MONDAY),
        ("Weather, version 1", held.requester_id, MONDAY),
    }
    told = db.session.query(AuditEvent).filter_by(kind=EventKind.TERMS_ACCEPTED).all()
    assert [event.after for event in told] == [
        {"product": "Payments", "version": 2},
        {"product": "Weather", "version": 1},
    ]
    assert {event.actor for event in told} == {held.requester.email}


def test_products_without_terms_need_no_acceptance(held):
    assert credentials.well_formed(claim(held).secret)


def test_H1_a_second_claim_is_refused_and_gives_no_second_receipt(held, products, owner):
    terms = publish(products[0], "Be kind.", by=owner)
    claim(held, terms)

    with pytest.raises(Conflict, match="already been shown"):
        claim(held, terms)

    assert len(credentials.receipts_of([held.credential_id])) == 1


def test_nobody_else_accepts_or_claims(held, products, owner):
    terms = publish(products[0], "Be kind.", by=owner)

    for other in (make_user(), owner, make_user(RoleName.ADMINISTRATOR)):
        with pytest.raises(NotAllowed):
            claim(held, terms, by=other)
    assert credentials.receipts_of([held.credential_id]) == []


def test_a_rotation_asks_for_terms_that_are_new_since_and_for_no_others(held, products, owner):
    first = publish(products[0], "Be kind.", by=owner)
    claim(held, first)
    with transaction():
        lifecycle.rotate(held.credential, overlap_days=7, by=held.requester)
    newer = publish(products[0], "Be very kind.", by=owner, after=1)

    with pytest.raises(Invalid, match="version 2"), transaction():
        lifecycle.rotate(held.credential, overlap_days=7, by=held.requester)
    with transaction():
        lifecycle.rotate(held.credential, overlap_days=7, accepted={newer.id}, by=held.requester)

    assert lifecycle.terms_to_accept([held.credential])[held.credential_id] == []


def test_terms_of_access_that_has_ended_need_no_acceptance(held, products, owner):
    publish(products[0], "Be kind.", by=owner)
    grant = next(g for g in access.grants_of(held.app) if g.product_id == products[0].id)
    with transaction():
        access.revoke_access(grant, by=held.requester, reason="Not needed.")

    revealed = claim(held)

    assert revealed.secret.startswith("pcs_")
    assert revealed.client_id == held.credential.client_id
    assert access.entitlement_for(revealed.client_id, revealed.secret).is_live
    assert credentials.receipts_of([held.credential_id]) == []


def test_surfaces_show_secrets_only_after_the_terms():
    """``credentials.reveal`` and ``rotate`` know no terms: who shows a secret to a person goes by this room."""
    root = Path(__file__).parents[3]
    files = [path for folder in ("portal/live", "portal/oauth", "admin") for path in (root / folder).rglob("*.py")]
    assert files
    assert not [p.name for p in files if re.search(r"credentials\.(reveal|rotate)\(", p.read_text())]


# --- what nobody claims ----------------------------------------------------------------------------------------------


def test_an_unclaimed_secret_is_brought_to_mind_after_7_days_and_taken_back_after_14(held, clock, app):
    told = {}
    for day in range(16):
        clock.move_to(MONDAY + timedelta(days=day, minutes=day))
        tick(app)
        tick(app)  # an hour later
        told[day] = (len(mails("unclaimed")), stored(held).state)

    assert {day: count for day, (count, _) in told.items()} == {day: int(day >= 7) for day in range(16)}
    assert [day for day, (_, state) in told.items() if state is CredentialState.REVOKED] == [14, 15]
    (reminder,) = mails("unclaimed")
    assert reminder.recipient == held.requester.email
    assert "30 November 2026" in reminder.payload["text"]
    (end,) = mails("revoked")
    assert "Nobody revealed its secret within 14 days." in end.payload["text"]
    assert not any(grant.is_held for grant in access.grants_of(held.app))
    with pytest.raises(Conflict, match="revoked"):
        claim(held)


def test_where_secrets_may_wait_for_long_one_reminder_is_enough(held, clock, app, monkeypatch):
    monkeypatch.setitem(app.config, "PORTICO", app.config["PORTICO"].model_copy(update={"unclaimed_revoke_days": 400}))
    for day in (*range(7, 120, 7), 200, 300, 399):
        clock.move_to(MONDAY + timedelta(days=day, minutes=1))
        for _ in range(2):
            tick(app)
            with transaction():
                schedule.forget_finished(older_than=TIMERS_ARE_KEPT)

    assert len(mails("unclaimed")) == 1
    assert stored(held).state is CredentialState.PENDING_REVEAL


def test_what_waited_for_long_before_a_worker_came_is_reminded_of_once_and_ends(held, clock, app):
    for day in (120, 121, 122, 128):
        clock.move_to(MONDAY + timedelta(days=day, minutes=1))
        for _ in range(2):
            tick(app)
            with transaction():
                schedule.forget_finished(older_than=TIMERS_ARE_KEPT)

    assert len(mails("unclaimed")) == 1
    assert stored(held).state is CredentialState.REVOKED


@pytest.mark.parametrize("days", [{"unclaimed_remind_days": 14}, {"unclaimed_revoke_days": 7}])
def test_a_reminder_that_would_come_too_late_stops_the_start(days):
    with pytest.raises(BadSettings, match="PORTICO_UNCLAIMED_REVOKE_DAYS must be more than"):
        load(testing=True, secret_key="t" * 48, **days)


def test_what_was_claimed_is_left_alone(held, clock, app):
    clock.shift(timedelta(days=7, minutes=1))
    tick(app)
    assert len(mails("unclaimed")) == 1
    claim(held)

    for _ in range(40):
        clock.shift(timedelta(days=1))
        tick(app)

    assert stored(held).state is CredentialState.ACTIVE
    assert len(mails("unclaimed")) == 1
    assert mails("revoked") == []


def test_after_an_outage_nothing_is_taken_back_without_a_reminder_in_time(held, clock, app):
    clock.shift(timedelta(days=30))
    tick(app)
    tick(app)
    assert len(mails("unclaimed")) == 1
    assert stored(held).state is CredentialState.PENDING_REVEAL

    clock.shift(timedelta(days=6, hours=23))
    tick(app)
    assert stored(held).state is CredentialState.PENDING_REVEAL
    clock.shift(timedelta(hours=2))
    tick(app)
    assert stored(held).state is CredentialState.REVOKED


def test_a_worker_that_is_killed_while_it_reminds_or_revokes_has_done_nothing(held, clock, app, monkeypatch):
    def die(*_, **__):
        raise ZeroDivisionError

    for days, module, kind in ((7, lifecycle.claiming, "unclaimed"), (7, access.ending, "revoked")):
        clock.shift(timedelta(days=days, minutes=1))
        with monkeypatch.context() as dying:
            dying.setattr(module, "record", die)
            tick(app)
        assert mails(kind) == []
        assert stored(held).state is CredentialState.PENDING_REVEAL
        tick(app)
        tick(app)
        assert len(mails(kind)) == 1
    assert stored(held).state is CredentialState.REVOKED
