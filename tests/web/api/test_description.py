"""The description of our own API: served, drawn, about every route and nothing else, and true of each answer."""

import contextvars
import json
import re

import pytest
from sqlalchemy.exc import OperationalError

from portal import access, accounts
from portal.accounts import RoleName, User
from portal.catalog import find_plan, find_product
from portal.db import db, transaction
from portal.web.limits import limits
from tests.support.builders import make_app, make_catalogue, make_plan, make_product, make_user
from tests.support.described import breaches, document, operations
from tests.web.api.test_requests import REQUESTS, Program, order

DESCRIPTION = "/api/v1/openapi.json"
SURFACES = ("api.", "oauth.")
REFUSALS = ("wrong_method", "only_post", "no_such_way")


def ask(app, method, path, **kwargs):
    return contextvars.Context().run(app.test_client().open, path, method=method, **kwargs)


def test_it_is_about_every_route_for_programs_and_nothing_else(app):
    described = {(path, method.upper()) for path, method, _ in operations()}
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(SURFACES) and not rule.endpoint.endswith(REFUSALS)
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }

    assert described == served


def test_anybody_reads_it_and_keeps_it_for_a_while(app):
    first = ask(app, "GET", DESCRIPTION)
    again = ask(app, "GET", DESCRIPTION, headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, first.mimetype) == (200, "application/json")
    assert first.json["servers"] == [{"url": "http://localhost"}]
    assert first.json["paths"] == json.loads(json.dumps(document()["paths"]))
    assert first.headers["Cache-Control"] == "public, max-age=900"
    assert "Set-Cookie" not in first.headers
    assert (again.status_code, again.data) == (304, b"")


def test_a_page_lists_every_call_and_another_holds_the_full_reference(app, browser):
    page = browser().get("/").follow("API reference", within="footer")

    listed = {
        (head.select_one(".method").get_text(), head.select_one("code").get_text())
        for head in page.soup.select("summary")
    }
    assert listed == {(method.upper(), path) for path, method, _ in operations()}
    full = page.follow("Full reference")
    assert full.soup.select_one("#reference")["data-url"] == DESCRIPTION
    assert full.follow("list of calls").path == "/api-reference"


def test_who_makes_a_token_finds_it(browser):
    page = browser(make_user()).get("/account/tokens").follow("Reference of all calls")

    assert page.status == 200
    assert page.follow("API tokens", within="#reference-head").path == "/account/tokens"


@pytest.fixture
def shop(app):
    """What the examples speak of: an app, the plan gold, and the products payments and refunds."""
    person, plan = make_user(), make_plan()
    products, partners = [make_product(), make_product()], make_catalogue()
    with transaction():
        find_plan(plan.id).slug = "gold"
        for product, slug in zip(products, ("payments", "refunds"), strict=True):
            find_product(product.id).slug = slug
        partners = db.session.merge(partners)
        partners.slug = "partners"
        partners.products, partners.plans = [db.session.merge(p) for p in products], [db.session.merge(plan)]
    return Program(app, person), make_app(person)


@pytest.mark.parametrize("name", ["least", "more"])
def test_the_examples_of_an_order_work_when_they_are_sent(shop, name):
    program, developer_app = shop
    body = document()["paths"][REQUESTS]["post"]["requestBody"]["content"]["application/json"]["examples"][name]

    answer = program.call("POST", body={**body["value"], "app": developer_app.id}, Idempotency_Key="release-42")

    assert answer.status_code == 201, answer.text
    made = answer.json["requests"][0]
    assert program.call("GET", f"{REQUESTS}/{made['number']}").json == made


def test_the_sample_on_the_page_works_when_it_is_sent(shop, browser):
    program, developer_app = shop
    sample = browser().get("/api-reference").text("#ask-by-program")
    body = json.loads(re.search(r"--json '(.+?)'", sample)[1])

    assert program.call("POST", body={**body, "app": developer_app.id}).status_code == 201


def test_an_order_that_is_not_as_described_is_refused(shop):
    program, developer_app = shop
    good = {"app": developer_app.id, "plan": "gold", "products": ["payments"]}
    schema = document()["components"]["schemas"]["Order"]
    for wrong in (
        {**good, "app": "12"},
        {**good, "app": 0},
        {**good, "products": "payments"},
        {**good, "products": []},
        {**good, "products": [7]},
        {**good, "plan": None},
        {**good, "environment": "moon"},
        {**good, "answers": []},
        {**good, "reason": 7},
        {**good, "reason": "x" * 4001},
        {**good, "approved": True},
        {"app": developer_app.id, "products": ["payments"]},
    ):
        assert breaches(schema, wrong), wrong
        assert program.call("POST", body=wrong).status_code == 422, wrong
    assert not breaches(schema, good)


@pytest.fixture
def unlimited_otherwise(app):
    limits().enabled = True
    yield
    limits().enabled = False
    limits().reset()


def test_too_many_calls_are_told_how_long_to_wait(app, shop, unlimited_otherwise):
    program, _ = shop
    spent = [program.call("GET", f"{REQUESTS}?status=moon").status_code for _ in range(300)]
    for method, path in (("GET", REQUESTS), ("POST", REQUESTS), ("DELETE", f"{REQUESTS}/AR-2026-000001")):
        answer = program.call(method, path)
        assert (answer.status_code, answer.content_type) == (429, "application/problem+json")
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    guesses = [ask(app, "GET", REQUESTS).status_code for _ in range(61)]

    assert set(spent) == {422}
    assert guesses == [401] * 60 + [429]


def test_every_described_status_of_the_request_api_is_really_given(app, answers, monkeypatch):
    """What a description promises and nobody ever gets would be believed for years."""
    person, plan = make_user(), make_plan()
    product = make_product(plans=[plan])
    program, body = Program(app, person), order(make_app(person), product, plan=plan)
    (asked,) = program.call("POST", body=body).json["requests"]
    path = f"{REQUESTS}/{asked['number']}"
    etag = program.call("GET", path).headers["ETag"]
    program.call("GET", path, If_None_Match=etag)
    program.call("GET")
    program.call("GET", f"{REQUESTS}?status=moon")
    program.call("POST", body={**body, "plan": "moon"})
    program.call("POST", body=b'"' + b"x" * 300_000 + b'"')
    ask(app, "POST", REQUESTS, data="x", headers={"Authorization": f"Bearer {program.token}"})
    program.call("DELETE", path)
    program.call("DELETE", path)
    for method in ("GET", "DELETE"):
        program.call(method, f"{REQUESTS}/AR-2026-999999")
    for method, where in (("GET", REQUESTS), ("POST", REQUESTS), ("GET", path), ("DELETE", path)):
        ask(app, method, where)
    ask(app, "GET", DESCRIPTION)
    ask(app, "GET", DESCRIPTION, headers={"If-None-Match": ask(app, "GET", DESCRIPTION).headers["ETag"]})
    _quicker(monkeypatch, program, body)
    _away(monkeypatch, program, path, body)
    _spent(program, path)
    _without_right(program, path, person)

    given = {
        (answer.method.lower(), re.sub(r"AR-.*", "{number}", answer.path), str(answer.status)) for answer in answers
    }
    told = {
        (method, path, status)
        for path, method, operation in operations()
        if path.startswith("/api/")
        for status in operation["responses"]
    }
    assert told - given == set()


def _quicker(monkeypatch, program, body):
    """Somebody else changes the same thing at the same moment."""
    from sqlalchemy.orm.exc import StaleDataError

    def lose(*_args, **_kwargs):
        raise StaleDataError("Somebody was quicker.")

    with monkeypatch.context() as patched:
        patched.setattr(access, "ask_for", lose)
        program.call("POST", body=body)


def _away(monkeypatch, program, path, body):
    """The database is not there."""

    def fail(*_args, **_kwargs):
        raise OperationalError("select 1", {}, Exception("gone"))

    with monkeypatch.context() as patched:
        for name in ("find_request", "requests_of", "ask_for"):
            patched.setattr(access, name, fail)
        program.call("GET", path)
        program.call("DELETE", path)
        program.call("GET")
        program.call("POST", body=body)


def _spent(program, path):
    limits().enabled = True
    try:
        for _ in range(300):
            program.call("GET", f"{REQUESTS}?status=moon")
        for method, where in (("GET", REQUESTS), ("POST", REQUESTS), ("GET", path), ("DELETE", path)):
            program.call(method, where)
    finally:
        limits().enabled = False
        limits().reset()


def _without_right(program, path, person):
    """The person is no consumer any more."""
    administrator = make_user(RoleName.ADMINISTRATOR)
    with transaction():
        by = db.session.get(User, administrator.id)
        accounts.change_roles(db.session.get(User, person.id), {RoleName.AUDITOR}, by=by)
    for method, where in (("GET", REQUESTS), ("POST", REQUESTS), ("GET", path), ("DELETE", path)):
        program.call(method, where)
