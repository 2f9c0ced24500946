"""Access requests by program: with a person's token, by the rules of the cart (T57, T58, C81, C94, C110)."""

import contextvars
import json
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from portal import access, accounts, credentials
from portal.access import AccessRequest
from portal.accounts import RoleName, User
from portal.credentials import PersonalToken
from portal.db import db, now, transaction
from portal.events import AuditEvent, EventKind
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_user
from tests.support.threads import race

REQUESTS = "/api/v1/requests"


class Program:
    """A program that acts for a person."""

    def __init__(self, app, person):
        self.app, self.person_id = app, person.id
        with transaction():
            self.token = credentials.make_personal_token("Pipeline", days=30, by=db.session.get(User, person.id)).token

    def call(self, method, path=REQUESTS, body=None, **headers):
        sent = {"Authorization": f"Bearer {self.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        client = self.app.test_client()
        return contextvars.Context().run(
            client.open, path, method=method, data=data, content_type="application/json", headers=sent
        )


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def person():
    return make_user()


@pytest.fixture
def program(app, person):
    return Program(app, person)


def order(developer_app, *products, plan, **more):
    return {"app": developer_app.id, "plan": plan.slug, "products": [p.slug for p in products], **more}


def requests_made():
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(AccessRequest))


def test_T57_what_the_plan_approves_by_itself_is_approved_and_nothing_else(program, person, owner):
    by_hand, at_once = make_plan(), make_plan(auto_approve=True)
    orders, stock = make_product("Orders", plans=[by_hand], owners=[owner]), make_product("Stock", plans=[at_once])

    waits = program.call("POST", body=order(make_app(person), orders, plan=by_hand))
    given = program.call("POST", body=order(make_app(person), stock, plan=at_once))

    (asked,) = waits.json["requests"]
    assert (waits.status_code, asked["status"], asked["auto_approved"]) == (201, "pending", False)
    assert asked["awaits"] == [owner.display_name]
    assert asked["client_id"] is None
    (got,) = given.json["requests"]
    assert (got["status"], got["auto_approved"]) == ("approved", True)
    assert got["client_id"].startswith("pci_")
    assert "secret" not in given.text


@pytest.mark.parametrize("sent", [{"auto_approved": True}, {"status": "approved"}])
def test_T57_no_field_of_the_call_approves(program, person, sent):
    plan = make_plan()
    answer = program.call("POST", body=order(make_app(person), make_product(plans=[plan]), plan=plan, **sent))

    assert answer.status_code == 422
    assert "There is no field" in answer.json["title"]
    assert requests_made() == 0


def test_T58_deleting_an_approved_request_revokes_its_credential_and_keeps_its_record(program, person):
    plan = make_plan(auto_approve=True)
    (got,) = program.call("POST", body=order(make_app(person), make_product(plans=[plan]), plan=plan)).json["requests"]

    answer = program.call("DELETE", f"{REQUESTS}/{got['number']}")

    assert (answer.status_code, answer.json["status"]) == (200, "approved")
    assert not access.find_entitlement(got["client_id"]).is_live
    assert requests_made() == 1
    again = program.call("DELETE", f"{REQUESTS}/{got['number']}")
    assert (again.status_code, again.content_type) == (409, "application/problem+json")


def test_T58_deleting_a_pending_request_withdraws_it(program, person, owner):
    plan = make_plan()
    product = make_product(plans=[plan], owners=[owner])
    (asked,) = program.call("POST", body=order(make_app(person), product, plan=plan)).json["requests"]

    assert program.call("DELETE", f"{REQUESTS}/{asked['number']}").json["status"] == "withdrawn"


def test_T59_what_is_not_offered_is_refused_by_name(program, person):
    plan, other = make_plan(), make_plan()
    product, developer_app = make_product(plans=[plan]), make_app(person)

    for other_words, field, words in (
        ({"plan": other.slug}, "plan", other.slug),
        ({"products": [product.slug, "nothing-like-it"]}, "products", "nothing-like-it"),
        ({"catalogue": "nowhere"}, "catalogue", "nowhere"),
    ):
        answer = program.call("POST", body={**order(developer_app, product, plan=plan), **other_words})
        assert (answer.status_code, answer.json["field"]) == (422, field)
        assert words in answer.json["title"]
    assert requests_made() == 0


def test_the_rules_of_the_cart_hold_and_the_cart_stays(program, person, owner):
    plan = make_plan(reason_required=True)
    product, kept = make_product(plans=[plan], owners=[owner]), make_product(plans=[plan])
    fill_cart(person, kept, plan=plan)

    refused = program.call("POST", body=order(make_app(person), product, plan=plan))
    made = program.call("POST", body=order(make_app(person), product, plan=plan, reason="For the spring launch."))

    assert refused.status_code == 422
    assert [problem["about"] for problem in refused.json["problems"]] == ["reason"]
    assert made.status_code == 201
    assert [item.product.name for item in access.cart_of(db.session.get(User, person.id))] == [kept.name]


def test_C110_the_same_key_makes_one_request_and_another_body_is_refused(program, person, owner):
    plan = make_plan()
    product = make_product(plans=[plan], owners=[owner])
    body = order(make_app(person), product, plan=plan)

    answers = [program.call("POST", body=body, Idempotency_Key="build-17") for _ in range(3)]
    other = program.call("POST", body={**body, "reason": "Else."}, Idempotency_Key="build-17")

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json["requests"][0]["number"] for answer in answers}) == 1
    assert requests_made() == 1
    assert (other.status_code, other.json["field"]) == (422, "Idempotency-Key")
    with time_machine.travel(now() + timedelta(hours=25)):
        forgotten = program.call("POST", body=body, Idempotency_Key="build-17")
    assert forgotten.status_code == 422  # a new call by now, and the app has asked for this already
    assert "problems" in forgotten.json


def test_C110_ten_calls_at_once_with_one_key_make_one_request(program, person, owner):
    plan = make_plan()
    body = order(make_app(person), make_product(plans=[plan], owners=[owner]), plan=plan)

    answers = race(10, lambda _: program.call("POST", body=body, Idempotency_Key="k").status_code)

    assert answers == [201] * 10
    assert requests_made() == 1


def test_nobody_sees_or_deletes_the_request_of_another(app, program, person, owner):
    plan = make_plan()
    product = make_product(plans=[plan], owners=[owner])
    (asked,) = program.call("POST", body=order(make_app(person), product, plan=plan)).json["requests"]
    stranger = Program(app, make_user())

    assert stranger.call("GET", f"{REQUESTS}/{asked['number']}").status_code == 404
    assert stranger.call("DELETE", f"{REQUESTS}/{asked['number']}").status_code == 404
    assert stranger.call("GET").json["requests"] == []
    answer = stranger.call("POST", body=order(make_app(person), product, plan=plan))
    assert (answer.status_code, answer.json["field"]) == (422, "app")
    assert [each["number"] for each in program.call("GET").json["requests"]] == [asked["number"]]


def test_who_waits_asks_with_an_etag(program, person, owner):
    plan = make_plan()
    product = make_product(plans=[plan], owners=[owner])
    (asked,) = program.call("POST", body=order(make_app(person), product, plan=plan)).json["requests"]
    path = f"{REQUESTS}/{asked['number']}"

    first = program.call("GET", path)
    same = program.call("GET", path, If_None_Match=first.headers["ETag"])
    with transaction():
        found = access.find_request(asked["number"], seen_by=db.session.get(User, owner.id))
        access.approve(found, by=db.session.get(User, owner.id))
    changed = program.call("GET", path, If_None_Match=first.headers["ETag"])

    assert (first.status_code, same.status_code, changed.status_code) == (200, 304, 200)
    assert changed.json["status"] == "approved"


def test_a_token_opens_nothing_once_it_ended_or_its_person_left(app, program, person):
    administrator = make_user(RoleName.ADMINISTRATOR)
    revoked, expired, kept = Program(app, person), Program(app, person), Program(app, make_user())
    with transaction():
        token = db.session.scalars(select(PersonalToken).order_by(PersonalToken.id.desc()).offset(2)).first()
        credentials.revoke_personal_token(token.id, by=db.session.get(User, person.id))

    assert revoked.call("GET").status_code == 401
    with time_machine.travel(now() + timedelta(days=31)):
        assert expired.call("GET").status_code == 401
    assert program.call("GET").status_code == 200
    with transaction():
        accounts.deactivate(db.session.get(User, person.id), by=db.session.get(User, administrator.id))
    assert program.call("GET").status_code == 401
    assert kept.call("GET").status_code == 200


def test_C94_each_refusal_says_what_it_is_about(app, program, person):
    plan = make_plan()
    body = order(make_app(person), make_product(plans=[plan]), plan=plan)
    for sent, status, field in (
        (b"{", 422, None),
        (b"[]", 422, None),
        (b'{"app":' + b"[" * 50_000, 422, None),
        ({**body, "app": "one"}, 422, "app"),
        ({**body, "app": 10**30}, 422, "app"),
        ({**body, "products": "orders"}, 422, "products"),
        ({**body, "products": []}, 422, "products"),
        ({**body, "plan": 7}, 422, "plan"),
        ({**body, "environment": "moon"}, 422, "environment"),
        ({**body, "answers": []}, 422, "answers"),
        ({**body, "reason": "\0"}, 422, "reason"),
        ({**body, "client_id": "pci_nobody"}, 422, "client_id"),
        (b'"' + b"x" * 300_000 + b'"', 413, None),
    ):
        answer = program.call("POST", body=sent)
        assert (answer.status_code, answer.json.get("field")) == (status, field), answer.text
        assert answer.content_type == "application/problem+json"
        assert answer.json["request_id"]
    assert requests_made() == 0

    strange = app.test_client().get(REQUESTS, headers={"Authorization": "Bearer ppt_nonsense"})
    silent = app.test_client().get(REQUESTS)
    assert (strange.status_code, strange.headers["WWW-Authenticate"]) == (
        401,
        'Bearer realm="Portico", error="invalid_token"',
    )
    assert silent.headers["WWW-Authenticate"] == 'Bearer realm="Portico"'
    assert program.call("PUT").status_code == 405


@pytest.mark.parametrize("asked", ["before=0", "before=x", f"before={2**63}", "before=²", "before="])
def test_L6_odd_places_in_the_list_break_nothing(program, asked):
    assert program.call("GET", f"{REQUESTS}?{asked}").status_code in {200, 400, 404}


def test_a_session_is_no_token_and_no_cookie_is_set(app, browser, person):
    client = browser(person).client

    answer = contextvars.Context().run(client.get, REQUESTS)

    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers


def test_a_token_is_made_shown_once_and_revoked_on_the_account_page(app, browser, person):
    page = browser(person).get("/account").follow("API tokens")
    assert page.press("Make token", Name="", **{"Ends after (days)": "400"}).status == 422

    shown = page.press("Make token", Name="Build server", **{"Ends after (days)": "30"})
    text = shown.soup.select_one("#personal-token").get("value") or shown.text("#personal-token")

    assert text.startswith("ppt_")
    assert shown.headers["Cache-Control"] == "no-store"
    answer = app.test_client().get(REQUESTS, headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 200
    listed = browser(person).get("/account/tokens")
    assert "Build server" in listed.text("#tokens")
    assert text not in listed.html
    listed.press("Revoke token")
    assert app.test_client().get(REQUESTS, headers={"Authorization": f"Bearer {text}"}).status_code == 401
    about = select(AuditEvent.kind).where(AuditEvent.subject_type == "personal_token")
    kinds = db.session.scalars(about.order_by(AuditEvent.id)).all()
    assert kinds == [EventKind.PERSONAL_TOKEN_MADE, EventKind.PERSONAL_TOKEN_REVOKED]


def test_H3_nobody_revokes_the_token_of_another(app, browser, person, program):
    db.session.rollback()
    token = db.session.scalars(select(PersonalToken)).one()
    client = browser(make_user())

    assert client.forge(f"/account/tokens/{token.id}/revoke").status == 404
    assert program.call("GET").status_code == 200
