"""What hostile programs send as an order: texts that no database can hold, and shapes that no form could send (L)."""

import json

import pytest

from tests.support.builders import make_app, make_plan, make_product, make_user
from tests.web.api.test_requests import Program, order, requests_made

UNREADABLE = ["\0", "orders\0", "\ud800", "\udfff orders"]
SHAPES = [7, 1.5, True, None, [], {}, ["x"], {"x": {"y": []}}, [[]], "x" * 200_000, 10**400, "²", "\u202e"]


@pytest.fixture
def sent(app):
    """Sends an order with some of it put otherwise, as it stands in JSON."""
    person, plan = make_user(), make_plan()
    program, body = Program(app, person), order(make_app(person), make_product(plans=[plan]), plan=plan)

    def send(headers=None, raw=None, **other):
        text = json.dumps({**body, **other})
        for field, written in (raw or {}).items():
            text = f'{text[:-1]}, "{field}": {written}}}'
        return program.call("POST", body=text, **(headers or {}))

    return send


@pytest.mark.parametrize("text", UNREADABLE)
def test_L_texts_that_no_database_can_hold_are_refused_by_name(sent, text):
    for field, value in (
        ("products", [text]),
        ("plan", text),
        ("catalogue", text),
        ("environment", text),
        ("reason", text),
        ("client_id", text),
        ("answers", {"purpose": text}),
        ("answers", {"purpose": [text]}),
        ("answers", {text: "x"}),
    ):
        answer = sent(**{field: value})
        assert (answer.status_code, answer.content_type) == (422, "application/problem+json"), (field, answer.text)
        assert answer.json["field"] == field, answer.text
    assert sent(**{text: "x"}).status_code == 422
    assert requests_made() == 0


@pytest.mark.parametrize("field", ["app", "products", "plan", "catalogue", "environment", "reason", "client_id"])
def test_L_other_shapes_break_nothing(sent, field):
    for value in SHAPES:
        answer = sent(**{field: value})
        assert answer.status_code in {201, 409, 413, 422}, (value, answer.text)


def test_L_answers_of_other_shapes_break_nothing(sent):
    for value in SHAPES:
        for key in ("title", "purpose", "environment", "expected_volume", "x" * 5_000):
            answer = sent(answers={key: value})
            assert answer.status_code in {201, 409, 413, 422}, (key, value, answer.text)


@pytest.mark.parametrize("key", ["x" * 201, "\x7f", "é", " "])
def test_L_odd_keys_break_nothing(sent, key):
    assert sent(headers={"Idempotency-Key": key}).status_code in {201, 422}


@pytest.mark.parametrize("depth", [100, 500, 800, 900, 950, 100_000])
def test_L_deep_answers_break_nothing(sent, depth):
    nested = "[" * depth + "]" * depth
    for field in ("answers", "products", "reason"):
        answer = sent(raw={field: f'{{"purpose": {nested}}}' if field == "answers" else nested})
        assert answer.status_code in {201, 422}, answer.text[:300]
