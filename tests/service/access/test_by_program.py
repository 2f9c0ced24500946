"""Access that a program asks for: what it sends is taken as what a person could type."""

import pytest
import time_machine

from portal import access, forms
from portal.access import Order
from portal.db import transaction
from tests.support.builders import make_app, make_plan, make_product, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def plan():
    """A plan whose form asks for a link."""
    plan = make_plan()
    with transaction():
        form = forms.create_form("Links", [{"key": "design", "label": "Design", "type": "link"}], by=None, plan=plan)
        forms.activate_form(form, by=None)
        forms.choose_form(plan, form.key, by=None)
    return plan


@time_machine.travel("2026-11-23T10:00:00+00:00", tick=False)
def test_when_a_link_was_given_is_not_for_the_program_to_say(plan):
    person, product = make_user(), make_product(plans=[plan])
    app = make_app(person)
    link = {"url": "https://docs.example.com/design", "title": "Design", "at": "1999-01-01T00:00:00+00:00"}
    order = Order([product.slug], plan.slug, answers={"design": link})

    with transaction():
        (request,) = access.ask_for(order, app, by=person)

    assert request.answers["design"] == {**link, "at": "2026-11-23T10:00:00+00:00"}
