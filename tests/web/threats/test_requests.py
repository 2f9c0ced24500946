"""Requests that no browser sends: broken addresses, foreign hosts, odd keys, and bodies that are no forms."""

import contextvars
import re

import pytest

from portal.accounts import RoleName
from portal.events import EventKind, audit_page
from tests.support.builders import PASSWORD, make_request, make_user
from tests.web.test_every_route import ours, path_of

pytestmark = pytest.mark.usefixtures("app")
ALL_RIGHTS = (RoleName.ADMINISTRATOR, RoleName.CONSUMER, RoleName.API_OWNER)
HUGE = "99999999999999999999"
NAMELESS = b"--x\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n--x--\r\n"
NAMELESS_FILE = b'--x\r\nContent-Disposition: form-data; filename="f"\r\n\r\nvalue\r\n--x--\r\n'
PART = b'--x\r\nContent-Disposition: form-data; name="a%d"\r\n\r\nv\r\n'
BROKEN = ("http://[", "//[::1", "http://[bad/x", "https://a]b[")


def ask(client, path, method="GET", **kwargs):
    return contextvars.Context().run(client.open, path, method=method, **kwargs)


def plain_pages(app):
    pages = [r for r in ours(app) if "GET" in (r.methods or ()) and not r.arguments]
    return [rule.rule for rule in pages if not rule.endpoint.startswith("api.")]


@pytest.mark.parametrize("body", [NAMELESS, NAMELESS_FILE], ids=["field", "file"])
def test_trap_9_a_part_without_a_name_is_refused_by_every_form(app, browser, body):
    client, wrong = browser(make_user(*ALL_RIGHTS)).client, []
    for rule in ours(app):
        if "POST" in (rule.methods or set()) and not rule.endpoint.startswith(("oauth.", "api.")):
            answer = ask(client, path_of(rule), "POST", data=body, content_type="multipart/form-data; boundary=x")
            if answer.status_code != 400:
                wrong.append(f"{rule.rule}: {answer.status_code}")

    assert not wrong


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=", b"x", 400),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nno end', 400),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"\r" * 500_000, 400),
        (
            "multipart/form-data; boundary=x",
            b"".join(PART % n for n in range(5000)) + b"--x--",
            413,
        ),
        ("application/json", b"{}", 415),
        ("text/plain", b"a=1", 415),
        ("application/x-www-form-urlencoded", b"a=%00", 400),
    ],
)  # fmt: skip
def test_W2_bodies_that_are_no_forms_are_refused(browser, kind, body, status):
    for visitor in (browser(), browser(make_user())):
        assert visitor.post("/login", body, content_type=kind).status == status


@pytest.mark.parametrize("address", BROKEN)
def test_E1_an_address_that_cannot_be_taken_apart_is_no_error_of_ours(browser, address):
    person = make_user()
    visitor = browser()
    token = visitor.get("/login").field("csrf_token")["value"]
    data = {"email": person.email, "password": PASSWORD, "csrf_token": token}

    for path in ("/cart/add", "/logout", "/apps/new"):
        answer = visitor.post(path, headers={"Referer": address}, follow_redirects=False)
        assert answer.status in {303, 400}, path
        assert answer.headers.get("Location", "/").startswith("/"), path
    assert visitor.post("/login", {**data, "next": address}).status == 400
    assert visitor.post("/login", data, query_string={"next": address}).status == 400
    assert browser(person).get("/login", query_string={"next": address}).status == 400
    assert visitor.post("/login", data, headers={"Referer": "http://localhost/login"}).status == 200


@pytest.mark.parametrize("path", ["/admin", "/catalogues/", "//catalogues", "/catalogues//general", "/apps/1//edit"])
def test_E4_no_redirect_repeats_the_host_that_a_request_named(browser, path):
    client = browser(make_user(*ALL_RIGHTS)).client
    poison = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "host=evil.example",
    }
    for visitor in (client, browser().client):
        answer = ask(visitor, f"http://localhost{path}", headers=poison)
        assert "evil" not in answer.headers.get("Location", "")
        assert "evil.example" not in answer.text


def test_E3_no_answer_is_split_by_what_a_request_says(browser):
    person = browser(make_user(*ALL_RIGHTS))
    for path in (
        "/login?next=/%0d%0aSet-Cookie:%20a=b",
        "/catalogues?q=%0d%0aX-Split:%20yes",
        "/apps%0d%0aX-Split:%20yes",
    ):
        answer = ask(person.client, path)
        assert "X-Split" not in answer.headers
        assert "a=b" not in answer.headers.get("Set-Cookie", "")
    answer = ask(person.client, "/", headers={"X-Request-ID": "x y<script>"})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_E5_pages_are_kept_by_no_cache_and_fragments_are_told_from_pages(app, browser):
    person, wrong = browser(make_user(*ALL_RIGHTS)), []
    for path in plain_pages(app):
        for visitor in (person.client, browser().client):
            answer = ask(visitor, path)
            if "no-store" not in answer.headers["Cache-Control"] and not path.startswith(("/oauth", "/.well-known")):
                wrong.append(f"{path}: {answer.headers['Cache-Control']}")
            if answer.mimetype == "text/html" and "HX-Request" not in answer.headers.get("Vary", ""):
                wrong.append(f"{path}: Vary {answer.headers.get('Vary')}")

    assert not wrong


@pytest.mark.parametrize("key", [HUGE, f"-{HUGE}", "-1", "1e99", str(2**63), "１", "²"])
def test_L6_odd_places_in_a_list_break_no_page(app, browser, key):
    make_request()
    client, wrong = browser(make_user(*ALL_RIGHTS)).client, []
    for path in plain_pages(app):
        answer = ask(client, f"{path}?after={key}&before={key}&after_name=x&page={key}&per_page={key}")
        if answer.status_code not in {200, 303, 400, 404, 405}:
            wrong.append(f"{path}: {answer.status_code}")

    assert not wrong


def test_A6_no_key_in_a_path_breaks_anything(app, browser):
    keys = (
        "0",
        "-1",
        "+1",
        str(2**63 - 1),
        str(2**63),
        str(10**30),
        "1e3",
        "01",
        "1%00",
        "%EF%BC%91",
        "..%2f..",
        "%ff",
    )
    client, wrong = browser(make_user(*ALL_RIGHTS)).client, []
    for rule in ours(app):
        if not rule.arguments:
            continue
        for key in keys:
            path = re.sub(r"<[^>]+>", key.replace("\\", r"\\"), rule.rule)
            refused = {303, 400, 403, 404, 405} | ({401} if path.startswith(("/oauth/", "/api/")) else set())
            if (answer := ask(client, path)).status_code not in refused:
                wrong.append(f"{path}: {answer.status_code}")

    assert not wrong


def test_H6_what_lies_around_is_not_served(browser):
    visitor = browser(make_user(*ALL_RIGHTS))
    for path in (
        "/.git/config", "/.env", "/instance/portico.sqlite3", "/console", "/?__debugger__=yes&cmd=resource&f=x.js",
        "/static/", "/static/css/", "/static/../portal/app.py", "/static/..%2f..%2fportal/app.py", "/static/%00",
        "/static/..%5c..%5cportal", "/static//etc/passwd", "/bootstrap/static/../__init__.py", "/static/" + "a" * 5000,
    ):  # fmt: skip
        page = visitor.get(path)
        assert page.status == (200 if path.startswith("/?") else 404), path
        assert "create_app" not in page.html, path
        assert page.headers["Content-Type"].startswith("text/html"), path


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"])
def test_H6_metrics_are_not_told_through_a_proxy(browser, name):
    client = browser().client

    assert ask(client, "/metrics").status_code == 200
    assert ask(client, "/metrics", headers={name: "127.0.0.1"}).status_code == 404
    assert ask(client, "/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 404


def test_W3_invented_methods_are_refused_without_echo_and_counted_as_one(browser):
    client = browser().client
    for method in ("TRACE", "CONNECT", "BREW", "X" * 200):
        answer = ask(client, "/", method, headers={"X-Secret": "canary-4711"})
        assert answer.status_code in {400, 404, 405, 501}
        assert "canary-4711" not in answer.text
    metrics = ask(client, "/metrics").text
    assert "BREW" not in metrics
    assert 'method="other"' in metrics


def test_P8_a_session_that_ended_sends_htmx_to_the_whole_sign_in_page(browser):
    person = make_user(*ALL_RIGHTS)
    gone = browser(person)
    gone.client.delete_cookie("portico")
    for path in ("/apps", "/admin/access-requests", "/requests"):
        answer = gone.get(path, htmx=True, headers={"Referer": f"http://localhost{path}"})
        assert answer.status == 401
        assert answer.headers["HX-Redirect"].startswith("/login")
        assert not answer.html


def test_I5_an_export_of_the_record_is_itself_recorded(browser):
    auditor = browser(make_user(RoleName.AUDITOR))

    answer = auditor.forge("/admin/audit/export")

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert [e for e in audit_page() if e.kind is EventKind.EXPORTED]
