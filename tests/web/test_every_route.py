"""Closed by default: every route is walked as a stranger and as each kind of person, and each refuses whom it must."""

from __future__ import annotations

import contextvars
import re

import pytest
from flask import Flask
from werkzeug.routing import Rule

from portal.accounts import ROLE_RIGHTS, Right, RoleName
from portal.web.access import LIBRARY_ENDPOINTS
from portal.web.refusals import guard_of
from tests.support.builders import make_user

pytestmark = pytest.mark.usefixtures("app")
SAMPLES = {"key": "1", "slug": "x", "number": "AR-2026-000001", "path": "x"}
# Open to everybody on purpose, each for its reason.
PUBLIC = {
    "live.home.show": "the shop window",
    "live.catalogue.*": "public catalogues",
    "live.product.*": "public products and their documentation",
    "live.api_reference.*": "what programs can call here",
    "live.account.new_address": "a link from a mail, which proves itself",
    "live.account.confirm_address": "the same",
    "mailbox.*": "only registered in the demo, where no mail leaves",
    "api.*": "programs of people show a token in the call",
    "oauth.*": "machines prove themselves in the call",
    "operations.*": "alive, ready, metrics (the last for this machine only)",
}


def ours(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if not rule.endpoint.startswith(LIBRARY_ENDPOINTS)]


def path_of(rule: Rule) -> str:
    def sample(match: re.Match[str]) -> str:
        return SAMPLES.get(match[1]) or "a" * int(match[2] or 1)

    return re.sub(r"<(?:(\w+)(?:\((?:length=(\d+))?[^)]*\))?:)?\w+>", sample, rule.rule)


def ask(app: Flask, client, rule: Rule, method: str):
    return contextvars.Context().run(client.open, path_of(rule), method=method, data={} if method == "POST" else None)


def test_every_view_says_who_may_open_it(app):
    silent = [rule.endpoint for rule in ours(app) if guard_of(app, rule.endpoint) is None]

    assert not silent


def test_only_the_views_listed_here_are_public(app):
    public = {rule.endpoint for rule in ours(app) if guard_of(app, rule.endpoint) == "everybody"}
    patterns = [re.compile(name.replace(".", r"\.").replace("*", ".*")) for name in PUBLIC]

    assert not {e for e in public if not any(p.fullmatch(e) for p in patterns)}


def test_B1_a_stranger_is_sent_to_sign_in_from_every_closed_route(app):
    client, wrong = app.test_client(), []
    for rule in ours(app):
        if guard_of(app, rule.endpoint) == "everybody":
            continue
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            answer = ask(app, client, rule, method)
            to_sign_in = answer.status_code == 303 and "/login" in answer.headers["Location"]
            if not (to_sign_in or answer.status_code in {400, 401, 403}):
                wrong.append(f"{method} {rule.rule}: {answer.status_code}")

    assert not wrong


@pytest.mark.parametrize("role", list(RoleName))
def test_B1_each_role_is_refused_wherever_it_lacks_the_right(app, browser, role):
    client, wrong = browser(make_user(role)).client, []
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', contextvars.Context().run(client.get, "/account").text)
    assert token
    for rule in ours(app):
        right = guard_of(app, rule.endpoint)
        if not isinstance(right, Right) or right in ROLE_RIGHTS[role]:
            continue
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            data = {"csrf_token": token[1]} if method != "GET" else None
            answer = contextvars.Context().run(client.open, path_of(rule), method=method, data=data)
            if answer.status_code != 403:
                wrong.append(f"{method} {rule.rule}: {answer.status_code}")

    assert not wrong


def test_C1_every_form_route_refuses_a_post_without_token(app, browser):
    client, wrong = browser(make_user(RoleName.ADMINISTRATOR, RoleName.CONSUMER, RoleName.API_OWNER)).client, []
    for rule in app.url_map.iter_rules():
        if "POST" in (rule.methods or set()) and not rule.endpoint.startswith(("oauth.", "api.")):
            for data in ({}, {"csrf_token": ""}, {"csrf_token": "forged"}):
                answer = contextvars.Context().run(client.post, path_of(rule), data=data)
                if answer.status_code != 400:
                    wrong.append(f"{rule.rule}: {answer.status_code}")

    assert not wrong


def test_D8_every_page_carries_the_policy_and_nothing_inline(app, browser):
    person, wrong = browser(make_user(RoleName.ADMINISTRATOR, RoleName.CONSUMER, RoleName.API_OWNER)), []
    for rule in ours(app):
        if "GET" in (rule.methods or set()) and not rule.arguments:
            page = person.get(rule.rule)
            policy = page.headers.get("Content-Security-Policy", "")
            if not re.match(r"default-src '(self|none)'", policy) or "unsafe" in policy:
                wrong.append(f"{rule.rule}: {policy!r}")
            if re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=", page.html):
                wrong.append(f"{rule.rule}: something inline")

    assert not wrong


def test_B11_no_get_changes_anything_and_method_overrides_are_ignored(app, browser):
    client = browser(make_user(RoleName.ADMINISTRATOR, RoleName.CONSUMER)).client
    pages = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or set())}
    for rule in app.url_map.iter_rules():
        if "POST" in (rule.methods or set()) and rule.rule not in pages:  # a page at the same address answers the GET
            for headers in ({}, {"X-HTTP-Method-Override": "POST"}):
                path = f"{path_of(rule)}?_method=POST"
                answer = contextvars.Context().run(client.get, path, headers=headers)
                assert answer.status_code in {403, 404, 405}, rule.rule
