"""Everybody against everything that is somebody else's: each page read, each form sent, with keys that do exist.

``test_every_route`` walks the routes with keys of nothing, which tells what roles may do. Here the keys are those of
one request and of all that hangs on it. Whoever has no part in it reads none of its words, and changes none of its
rows.
"""

from __future__ import annotations

import contextvars
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal import access, accounts, credentials, forms, policies
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import Base, db, now, transaction
from tests.support.builders import (
    demanding,
    fill_cart,
    make_app,
    make_group,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_user,
)
from tests.support.ends import hold
from tests.web.test_every_route import ours

# Who may do what is decided alike on both databases, and the pages are many: one is enough.
pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.timeout(600), pytest.mark.appearance]
# What the words of the world below begin with; each is told to those whom it concerns, and to nobody else.
CANARY = re.compile(r"[Cc]anary-\w+")
# People who must not read any of it; what a role shows of everybody's things on purpose is left out.
OUTSIDERS: dict[str, tuple[str, ...]] = {
    "consumer of another organisation": (),
    "colleague": (),
    "former owner": (),
    "plan manager": (),
    "reviewer of another stage": (),
    "owner of another product": ("canary-app", "canary-second", "canary-draft", "canary-envelope", "canary-person"),
}
WRITERS = ("auditor", "deactivated", *OUTSIDERS)
ANSWERS = {"review", "access_grant", "credential", "clarification", "attachment", "review_stage", "stage_assignee"}
CHANGING = {"web_session", "portal_user"}
SHARED = ("catalogue", "catalogue_plan", "catalogue_product", "plan")  # which API owners keep together


class World:
    """One request that waits, one access that stands, and everything around them."""

    def __init__(self) -> None:
        self.people = {
            "consumer of another organisation": make_user(organisation="Elsewhere"),
            "colleague": make_user(),
            "former owner": make_user(),
            "plan manager": make_user(RoleName.PLAN_MANAGER),
            "reviewer of another stage": make_user(RoleName.REVIEWER),
            "owner of another product": make_user(RoleName.API_OWNER),
            "auditor": make_user(RoleName.AUDITOR),
            "deactivated": make_user(),
        }
        admin, owner, lawyer = (
            make_user(role) for role in (RoleName.ADMINISTRATOR, RoleName.API_OWNER, RoleName.REVIEWER)
        )
        make_group("legal", lawyer)
        make_group("fire", self.people["reviewer of another stage"])
        rule = demanding("owner", "legal")
        rule["when"]["value"] = ["test"]
        make_policy(rule, order=[["owner", "legal"]])
        others = make_plan()
        make_request(
            make_user(),
            make_product(plans=[others], owners=[self.people["owner of another product"]]),
            plan=others,
        )
        self.plan, loose = make_plan(), make_plan(auto_approve=True)
        self.product = make_product(plans=[self.plan, loose], owners=[owner])
        self.requester = make_user(name="canary-person", organisation="Acme")
        former = self.people["former owner"]
        self.app = make_app(former, "canary-app")
        with transaction():
            access.transfer_app(self.app, self.requester, by=former, reason="canary-moved", seen="")
        self.request, self.file = self._ask(owner)
        with transaction():
            self.question = access.ask(self.request, by=lawyer, question="canary-question")
        second = make_product(plans=[loose], owners=[owner])
        holder = make_app(self.requester, "canary-second")
        self.held = hold(None, second, owner=self.requester, plan=loose, app=holder, environment=Environment.DEV)
        with transaction():
            self.filter = access.save_filter("canary-filter", "status=pending", by=owner)
            begin, end = now(), now() + timedelta(days=3)
            self.delegation = access.delegate(lawyer, by=owner, starts_at=begin, ends_at=end, reason="canary-away")
            credentials.make_personal_token("canary-token", days=9, by=self.requester)
            (self.token,) = credentials.personal_tokens_of(self.requester)
            what: dict[str, Any] = {"product": self.product, "plan": self.plan, "scopes": self.product.scope_names[:1]}
            terms = access.EnvelopeTerms(name="canary-envelope", most_minutes=60, people=[self.requester], **what)
            self.envelope = access.set_envelope(terms, by=admin)
            self.draft = policies.create_draft(None, name="canary-draft", product=self.product, by=owner)
        self.owner, self.stage = owner, self.request.stages[0]

    def _ask(self, owner):
        fields = [
            {"key": "d", "label": "Design", "type": "file"},
            {"key": "t", "label": "What for", "type": "text"},
        ]
        with transaction():
            self.form = forms.create_form("Questions", fields, by=None)
            forms.activate_form(self.form, by=None)
            forms.choose_form(self.product, self.form.key, by=None)
        fill_cart(self.requester, self.product, plan=self.plan)
        with transaction():
            kept = forms.add_file(forms.read_file("canary-file.txt", b"canary-content"), by=self.requester)
            answers = {"d": [kept.id], "t": "canary-answer"}
            (made,) = access.submit(
                self.app, by=self.requester, reason="canary-reason", answers=answers, form_ids=[self.form.id]
            )
        return made, kept

    def keys(self) -> dict[str, Any]:
        """What stands for each part of an address."""
        (grant,) = access.grants_from(self.held)
        return {
            "number": self.request.number, "app_id": self.app.id, "file_id": self.file.id, "plan_id": self.plan.id,
            "question_id": self.question.id, "filter_id": self.filter.id, "delegation_id": self.delegation.id,
            "token_id": self.token.id, "envelope_id": self.envelope.id, "version_id": self.draft.id,
            "product_id": self.product.id, "form_id": self.form.id, "grant_id": grant.id, "key": "legal",
            "credential_id": self.held.credential_id, "user_id": self.requester.id, "stage_key": "legal",
            "organisation_id": self.requester.organisation_id, "catalogue": "general", "product": self.product.slug,
        }  # fmt: skip

    def fields(self, person) -> dict[str, Any]:
        """What a form might want to hear, whichever it is."""
        words = ("reason", "comment", "back_reason", "pass_reason", "question", "answer", "because", "note", "query")
        keys = {"stage": self.stage.id, "item": self.request.items[0].id, "plan": self.plan.id, "file": self.file.id}
        names = dict.fromkeys(("request", "requests", "numbers", "chosen", "number"), self.request.number)
        people = {"to": person.email, "email": person.email, "app": str(self.app.id), "id": str(self.request.id)}
        return {
            **dict.fromkeys(words, "forged"), **{k: str(v) for k, v in keys.items()}, **names, **people,
            "revision": str(self.draft.version), "version": "1", "confirm": "y", "minutes": "5", "name": "forged",
            "password": "portico-demo", "state": "approved", "seen": "", "json": "{}", "starts_on": "2026-01-01",
        }  # fmt: skip


def addresses(app, world: World, method: str) -> list[str]:
    """Every address that takes this method, about the world where it names something, and about its second app too."""
    keys = world.keys()
    second = {**keys, "app_id": world.held.app_id, "number": world.held.number}
    pages = [r for r in ours(app) if not r.endpoint.startswith(("oauth.", "api.", "mailbox."))]
    paths = [rule.rule for rule in pages if method in (rule.methods or set())]
    found = [filled(path, known) for path in paths for known in (keys, second)]
    return list(dict.fromkeys(found))


def filled(path: str, keys: dict[str, Any]) -> str:
    """An address with these keys in it."""
    return re.sub(r"<(?:[^>:]+:)?(\w+)>", lambda match: str(keys.get(match[1], 1)), path)


def ask(send, address: str, **kwargs: Any) -> tuple[int, str]:
    """What comes back, read to its end in the context in which it is made."""

    def whole() -> tuple[int, str]:
        answer = send(address, **kwargs)
        return answer.status_code, answer.text

    return contextvars.Context().run(whole)


def token_of(client) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', ask(client.get, "/account")[1])
    assert found
    return found[1]


def rows() -> dict[tuple[str, Any], tuple[Any, ...]]:
    """Every row of every table, by table and key."""
    db.session.rollback()
    found = {}
    for table in Base.metadata.sorted_tables:
        if table.name in CHANGING:
            continue
        columns = list(table.primary_key.columns)
        for row in db.session.execute(select(table)).mappings():
            found[table.name, tuple(row[c.name] for c in columns)] = tuple(str(value) for value in row.values())
    return found


@pytest.mark.parametrize("who", OUTSIDERS)
def test_A1_A9_nobody_reads_a_word_of_what_is_not_theirs(app, browser, who):
    world, told = World(), []
    client = browser(world.people[who]).client
    for address in addresses(app, world, "GET"):
        for headers in ({}, {"HX-Request": "true"}) if who.startswith("consumer") else ({},):
            status, text = ask(client.get, f"{address}?q=canary&search=canary", headers=headers)
            heard = set(CANARY.findall(text)) - set(OUTSIDERS[who])
            if heard or status >= 500:
                told.append(f"{address}: {status} {sorted(heard)}")

    assert not told


@pytest.mark.parametrize("who", WRITERS)
def test_A3_B5_B9_nobody_changes_what_is_not_theirs(app, browser, who):
    world = World()
    person = world.people[who]
    client = browser(person).client
    token = token_of(client)
    if who == "deactivated":
        with transaction():
            accounts.deactivate(person, by=accounts.people_with_role(RoleName.ADMINISTRATOR)[0])
    places, sent, wrong = addresses(app, world, "POST"), world.fields(person), []
    before = rows()
    for address in places:
        if "logout" in address or "sessions" in address or address.startswith("/account"):
            continue  # their own
        data = {**sent, "csrf_token": token}
        status, _ = ask(client.post, address, data=data, headers={"Referer": "http://localhost/"})
        if status >= 500:
            wrong.append(f"{address}: {status}")
    after = rows()

    kept = SHARED if who == "owner of another product" else ()
    changed = [key for key, row in before.items() if after.get(key) != row and key[0] not in kept]
    made = [key for key in after.keys() - before.keys() if key[0] in ANSWERS]
    assert (wrong, changed, made) == ([], [], [])
