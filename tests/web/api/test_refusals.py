"""What a program is told when it is refused: the field, in bounds, whichever way the call came (C94)."""

import contextvars
import io

import pytest

from portal import forms
from portal.db import transaction
from tests.support.builders import make_app, make_plan, make_product, make_user
from tests.web.api.test_requests import REQUESTS, Program, order, requests_made


@pytest.fixture
def person():
    return make_user()


@pytest.fixture
def program(app, person):
    return Program(app, person)


def test_C94_what_is_missing_in_the_form_is_named_by_its_key(program, person):
    plan = make_plan()
    product = make_product(plans=[plan])
    with transaction():
        form = forms.create_form("F", [{"key": "why", "label": "Why", "required": True}], by=None)
        forms.activate_form(form, by=None)
        forms.choose_form(product, form.key, by=None)

    answer = program.call("POST", body=order(make_app(person), product, plan=plan, answers={"whi": "For the shop"}))

    assert answer.status_code == 422
    assert answer.json["problems"] == [{"about": "form", "field": "why", "message": "Why is missing."}]


def test_C94_a_state_that_does_not_exist_is_no_empty_list(program):
    answer = program.call("GET", f"{REQUESTS}?status=aproved")

    assert (answer.status_code, answer.json["field"]) == (422, "status")
    assert "approved" in answer.json["title"]


@pytest.mark.parametrize("field", ["plan", "catalogue", "environment", "client_id", "products"])
def test_a_refusal_does_not_repeat_what_is_endless(program, person, field):
    plan, endless = make_plan(), "x" * 100_000
    body = order(make_app(person), make_product(plans=[plan]), plan=plan)

    answer = program.call("POST", body={**body, field: [endless] if field == "products" else endless})

    assert (answer.status_code, answer.json["field"]) == (422, field)
    assert len(answer.data) < 1_000


def test_what_comes_in_chunks_has_the_same_bound(app, program):
    def send(content):
        return contextvars.Context().run(
            app.test_client().post,
            REQUESTS,
            input_stream=io.BytesIO(content),
            content_type="application/json",
            headers={"Authorization": f"Bearer {program.token}"},
            environ_overrides={"wsgi.input_terminated": True},
        )

    short, endless = send(b'{"app": 1, "plan": 7}'), send(b'{"reason": "' + b"x" * 300_000 + b'"}')

    assert (short.status_code, short.json["field"]) == (422, "products")
    assert (endless.status_code, endless.content_type) == (413, "application/problem+json")
    assert requests_made() == 0
