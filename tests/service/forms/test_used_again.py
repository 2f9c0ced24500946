"""Answers that are used again: for the same app, for a year from the day on which they were given, never for longer."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine

from portal import access, forms
from portal.access import AccessRequest, CartRejected
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import db, transaction
from portal.forms import BadFields, read_fields
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_user
from tests.support.ends import hold
from tests.support.queries import count_queries

pytestmark = pytest.mark.usefixtures("app")
MAY = datetime(2026, 5, 3, 9, tzinfo=UTC)
FIELDS: list[dict[str, Any]] = [
    {"key": "title", "label": "Title", "required": True},
    {
        "key": "network",
        "label": "Where calls come from",
        "type": "choice",
        "choices": ["fixed", "vpn", "anywhere"],
        "needed_by": ["security"],
        "again": True,
    },
    {"key": "readers", "label": "Who reads secrets", "max_length": 500, "again": True},
    {"key": "policy", "label": "Our policy", "type": "link", "again": True},
]
GIVEN = {"title": "Shop", "network": "vpn", "readers": "Two of us"}


class Scene:
    """A person, an app, and products that ask the same form."""

    def __init__(self) -> None:
        self.plan = make_plan(auto_approve=True)
        self.person = make_user()
        self.app = make_app(self.person, "Ledger")
        with transaction():
            self.form = forms.create_form("Questions", FIELDS, by=None)
            forms.activate_form(self.form, by=None)

    def product(self):
        made = make_product(plans=[self.plan])
        with transaction():
            forms.choose_form(made, self.form.key, by=None)
        return made

    @property
    def asked(self) -> forms.Ask:
        """What the person's cart asks; there is something in it."""
        if not access.cart_count(self.person):
            fill_cart(self.person, self.product(), plan=self.plan)
        return access.form_of(access.cart_of(self.person), "test")

    def ask(self, answers: dict[str, Any] = GIVEN, **more: Any) -> AccessRequest:
        person = more.pop("by", self.person)
        if not access.cart_count(person):
            fill_cart(person, self.product(), plan=more.pop("plan", self.plan))
        with transaction():
            (made,) = access.submit(
                more.pop("app", self.app),
                by=person,
                answers=answers,
                form_ids=access.form_of(access.cart_of(person), "test").form_ids,
                environment=Environment.TEST,
            )
        return made

    def offered(self, **more: Any) -> dict[str, tuple[Any, date, str]]:
        found = access.good_answers(more.get("app", self.app), self.asked, by=more.get("by", self.person))
        return {key: (each.value, each.day, each.number) for key, each in found.items()}

    def change_form(self, fields: list[dict[str, Any]]) -> None:
        with transaction():
            newer = forms.new_version(self.form, by=None)
            forms.change_form(newer, "Questions", fields, by=None)
            forms.activate_form(newer, by=None)


@pytest.fixture
def clock():
    with time_machine.travel(MAY, tick=False) as travelling:
        yield travelling


@pytest.fixture
def scene(clock) -> Scene:
    return Scene()


def test_C61_an_answer_is_offered_with_its_day_and_request_and_others_are_not(scene):
    first = scene.ask()

    assert scene.offered() == {
        "network": ("vpn", MAY.date(), first.number),
        "readers": ("Two of us", MAY.date(), first.number),
    }
    assert first.answer_origins == {"network": {"on": "2026-05-03"}, "readers": {"on": "2026-05-03"}}


@pytest.mark.parametrize(("days", "is_offered"), [(364, True), (365, True), (366, False)])
def test_C61_it_is_good_for_365_days_and_no_longer(scene, clock, days, is_offered):
    scene.ask()
    clock.shift(timedelta(days=days))

    assert bool(scene.offered()) is is_offered


def test_C61_what_is_used_again_unchanged_keeps_its_day_so_that_it_does_not_live_for_ever(scene, clock):
    first = scene.ask()
    clock.shift(timedelta(days=300))
    second = scene.ask()
    clock.shift(timedelta(days=60))
    third = scene.ask()
    clock.shift(timedelta(days=6))

    for later in (second, third):
        assert later.answer_origins["network"] == {"on": "2026-05-03", "in": first.number}
    assert scene.offered() == {}
    fourth = scene.ask()
    assert fourth.answer_origins["network"] == {"on": "2027-05-04"}


def test_a_changed_answer_is_of_its_own_day_and_the_newest_is_offered(scene, clock):
    first = scene.ask()
    clock.shift(timedelta(days=10))

    second = scene.ask({**GIVEN, "network": "anywhere"})

    assert second.answer_origins == {
        "network": {"on": "2026-05-13"},
        "readers": {"on": "2026-05-03", "in": first.number},
    }
    assert scene.offered()["network"] == ("anywhere", date(2026, 5, 13), second.number)


def test_an_answer_that_was_left_out_is_not_kept_and_still_offered(scene, clock):
    first = scene.ask()
    clock.shift(timedelta(days=1))

    second = scene.ask({**GIVEN, "readers": ""})

    assert "readers" not in second.answer_origins
    assert scene.offered()["readers"][2] == first.number


def test_a_link_is_the_same_link_whenever_it_was_typed(scene, clock):
    link = {"url": "https://p.example/x", "title": "Policy"}
    first = scene.ask({**GIVEN, "policy": link})
    clock.shift(timedelta(days=9))

    second = scene.ask({**GIVEN, "policy": link})

    assert second.answers["policy"] == first.answers["policy"]
    assert second.answer_origins["policy"] == {"on": "2026-05-03", "in": first.number}


def test_another_app_gets_none_of_it(scene):
    scene.ask()
    other = make_app(scene.person, "Other")

    assert scene.offered(app=other) == {}
    assert scene.ask(app=other).answer_origins["network"] == {"on": "2026-05-03"}


def test_requests_of_others_are_offered_only_to_who_may_see_them(scene):
    before = scene.ask()
    heir, boss = make_user(), make_user(RoleName.ADMINISTRATOR, RoleName.CONSUMER)

    assert scene.offered(by=heir) == {}
    assert scene.offered(by=boss)["network"][2] == before.number
    with transaction():
        scene.app.owner = heir
    fill_cart(heir, scene.product(), plan=scene.plan)
    assert scene.ask(by=heir).answer_origins["network"] == {"on": "2026-05-03"}


def test_an_answer_that_a_newer_version_does_not_take_is_not_offered(scene):
    scene.ask()
    scene.change_form([FIELDS[0], {**FIELDS[1], "choices": ["fixed", "anywhere"]}, {**FIELDS[2], "min_length": 20}])

    assert scene.offered() == {}


def test_a_newer_version_takes_it_when_it_still_fits_and_may_end_the_using_again(scene):
    scene.ask()
    scene.change_form([FIELDS[0], {**FIELDS[1], "label": "Network"}, {**FIELDS[2], "again": False}])

    assert list(scene.offered()) == ["network"]


def test_answers_of_a_time_before_the_form_allowed_it_are_as_old_as_their_request(scene, clock):
    scene.change_form([{**field, "again": False} for field in FIELDS])
    first = scene.ask()
    assert first.answer_origins == {}
    clock.shift(timedelta(days=3))
    scene.change_form(FIELDS)

    assert scene.offered()["network"] == ("vpn", MAY.date(), first.number)


def test_the_same_key_in_another_form_is_another_question(scene):
    scene.ask()
    with transaction():
        other = forms.create_form("Others", FIELDS, by=None)
        forms.activate_form(other, by=None)
    product = make_product(plans=[scene.plan])
    with transaction():
        forms.choose_form(product, other.key, by=None)
    fill_cart(scene.person, product, plan=scene.plan)

    assert scene.offered() == {}


def test_one_form_that_does_not_allow_it_is_enough(scene):
    scene.ask()
    with transaction():
        strict = forms.create_form("Strict", [{**FIELDS[1], "again": False}], by=None, plan=scene.plan)
        forms.activate_form(strict, by=None)
        forms.choose_form(scene.plan, strict.key, by=None)

    assert list(scene.offered()) == ["readers"]


def test_what_the_requester_changes_in_review_is_of_that_day_and_the_rest_stays(scene, clock):
    scene.plan = make_plan()
    first = scene.ask()
    clock.shift(timedelta(days=2))
    second = scene.ask()
    clock.shift(timedelta(days=1))

    with transaction():
        access.edit(second, by=scene.person, answers={**second.answers, "network": "fixed"})

    assert second.answer_origins == {
        "network": {"on": "2026-05-06"},
        "readers": {"on": "2026-05-03", "in": first.number},
    }
    assert scene.offered()["network"] == ("fixed", date(2026, 5, 6), second.number)


def test_a_renewal_keeps_the_days_too(scene, clock):
    plan = make_plan(auto_approve=True, credential_lifetime_days=60)
    with transaction():
        forms.choose_form(plan, scene.form.key, by=None)
    product = make_product(plans=[plan])
    fill_cart(scene.person, product, plan=plan)
    first = scene.ask()
    clock.shift(timedelta(days=50))
    renewal = access.renewal_of(first.credential, days=(30,))
    asked = access.form_of_renewal(renewal)

    with transaction():
        second = access.renew(
            first.credential, by=scene.person, days=(30,), answers=renewal.answers, form_ids=asked.form_ids
        )

    assert second.answer_origins["network"] == {"on": "2026-05-03", "in": first.number}


def test_a_plan_change_without_a_form_takes_over_what_is_good_and_nothing_that_is_too_old(scene, clock):
    gold = make_plan("Gold")
    with transaction():
        for plan in (scene.plan, gold):
            forms.choose_form(plan, scene.form.key, by=None)
    product = make_product(plans=[scene.plan, gold])
    fill_cart(scene.person, product, plan=scene.plan)
    first = scene.ask()
    clock.shift(timedelta(days=200))
    fill_cart(scene.person, make_product(plans=[scene.plan]), plan=scene.plan)
    scene.ask({**GIVEN, "readers": "Only one"})
    clock.shift(timedelta(days=166))

    with transaction():
        changed = access.ask_plan_change(first.credential, gold, by=scene.person)

    assert changed.answers == {"title": "Shop", "readers": "Only one"}
    assert set(changed.answer_origins) == {"readers"}
    assert forms.still_missing("security", changed.form_ids, changed.answers, environment="test") == [
        "Where calls come from"
    ]


def test_a_request_may_say_nothing_of_days(scene):
    with pytest.raises(CartRejected):
        scene.ask({"title": "", "answer_origins": {"network": {"on": "2030-01-01"}}})


def test_files_cannot_be_used_again():
    with pytest.raises(BadFields, match="cannot be used again"):
        read_fields([{"label": "Design", "type": "file", "again": True}])


def test_the_flag_is_stored_only_where_it_is_set():
    fields = read_fields(FIELDS)

    assert [field.again for field in fields] == [False, True, True, True]
    assert "again" not in fields[0].stored()
    assert read_fields([field.stored() for field in fields]) == fields


def test_many_requests_cost_no_more_than_one(scene):
    scene.ask()
    asked = scene.asked

    def cost() -> int:
        db.session.rollback()
        with count_queries() as counted:
            assert access.good_answers(scene.app, asked, by=scene.person)
        return len(counted)

    few = cost()
    for _ in range(4):
        scene.ask()
        asked = scene.asked

    assert cost() == few


def test_a_form_without_such_questions_costs_nothing(scene):
    scene.change_form([{**field, "again": False} for field in FIELDS])
    asked = scene.asked

    with count_queries() as counted:
        assert access.good_answers(scene.app, asked, by=scene.person) == {}

    assert not counted


def test_access_that_was_held_without_any_form_is_no_hindrance(scene):
    hold(None, app=scene.app, owner=scene.person)

    assert scene.offered() == {}
