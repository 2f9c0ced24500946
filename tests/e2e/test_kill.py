"""Kill -9 of web server and worker during 200 submissions and decisions: nothing lost, nothing twice."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import requests
from bs4 import BeautifulSoup, Tag
from flask_migrate import upgrade
from sqlalchemy import select

from portal.access import AccessRequest, Grant, RequestStatus
from portal.accounts import RoleName
from portal.app import create_app
from portal.catalog import offers_of
from portal.config import load
from portal.db import close_connections, db, now, transaction
from portal.events import AuditEvent, EventKind, MessageState, OutboxMessage
from tests.support.builders import PASSWORD, make_plan, make_product, make_user
from tests.support.postgres import fresh_database
from tests.support.smtp import free_port, smtp_server

pytestmark = pytest.mark.e2e
SUBMISSIONS = 100
KILLS = 12
OUTAGE = (requests.ConnectionError, requests.Timeout)


class Program:
    """A server process (and its children) that can be killed and started again."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.command, self.environment, self.log = command, environment, log
        self.start()

    def start(self) -> None:
        with self.log.open("a") as output:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Person:
    """Somebody at a browser who tries again when the portal does not answer."""

    def __init__(self, url: str, email: str) -> None:
        self.url, self.email, self.session = url, email, requests.Session()

    def get(self, path: str) -> BeautifulSoup:
        while True:
            try:
                answer = self.session.get(f"{self.url}{path}", timeout=10)
            except OUTAGE:
                time.sleep(0.2)
                continue
            page = BeautifulSoup(answer.text, "html.parser")
            if answer.status_code >= 500:
                time.sleep(0.2)
                continue
            if "/login" not in answer.url or path == "/login":
                return page
            self.sign_in()

    def post(self, path: str, data: dict[str, str], page: BeautifulSoup) -> requests.Response | None:
        """One press of a button; None when no answer came back, so that nobody knows what happened."""
        token = page.find("input", attrs={"name": "csrf_token"})
        assert isinstance(token, Tag), page.get_text(" ")[:500]
        try:
            return self.session.post(
                f"{self.url}{path}", {"csrf_token": str(token["value"]), **data}, timeout=10, allow_redirects=False
            )
        except OUTAGE:
            return None

    def sign_in(self) -> None:
        page = self.get("/login")
        self.post("/login", {"email": self.email, "password": PASSWORD}, page)


def submit_all(consumer: Person, offer: dict[str, str], confirmed: set[str]) -> None:
    """Ask access for app after app, until the portal has confirmed each."""
    for number in range(SUBMISSIONS):
        name = f"App {number:03d}"
        while name not in confirmed:
            page = consumer.get("/cart")
            answer = consumer.post("/cart/add", offer, page)
            page = consumer.get("/cart")
            seen = page.find("input", attrs={"name": "seen"})
            form = {"app": "new", "app_name": name, "reason": f"For {name}"}
            if isinstance(seen, Tag):
                form["seen"] = str(seen["value"])
            answer = consumer.post("/cart/submit", form, page)
            if (answer is not None and answer.status_code == 303) or name in consumer.get("/apps?q=" + name).get_text():
                confirmed.add(name)


def decide_all(owner: Person, decided: dict[str, str], stop: threading.Event) -> None:
    """Approve and reject in turn whatever waits, noting what the portal confirmed."""
    while not stop.is_set() or owner.get("/admin/access-requests").find("tr", id=re.compile("^request-")):
        page = owner.get("/admin/access-requests")
        numbers = [a.get_text(strip=True) for a in page.select("tr[id^=request-] th a")]
        for number in numbers:
            action = "approve" if int(number[-1]) % 2 else "reject"
            shown = owner.get(f"/admin/access-requests/{number}")
            if shown.find("form", action=re.compile(f"/{action}$")) is None:
                continue
            answer = owner.post(f"/admin/access-requests/{number}/{action}", {"reason": "Because"}, shown)
            if answer is not None and answer.status_code == 303:
                decided[number] = action
        time.sleep(0.05)


def kill_at_random(programs: list[Program], stop: threading.Event, chance: random.Random) -> None:
    """Kill and start again, now the web server, now the worker, now both."""
    for _ in range(KILLS):
        if stop.wait(chance.uniform(0.2, 2.5)):
            return
        for program in chance.choice([programs[:1], programs[1:], programs]):
            program.kill()
            program.start()


def test_X1_X2_X3_kill_9_at_random_moments_loses_and_doubles_nothing(database, tmp_path):
    url = f"sqlite:///{tmp_path / 'kill.sqlite3'}" if database == "sqlite" else fresh_database("portico_kill")
    port = free_port()
    environment = {
        **os.environ,
        "PORTICO_DATABASE_URL": url,
        "PORTICO_SECRET_KEY": "k" * 48,
        "PORTICO_INSTANCE_DIR": str(tmp_path),
        "PORTICO_BASE_URL": f"http://127.0.0.1:{port}",
        "PORTICO_SIGN_IN_LIMIT": "10000 per minute",
        "PORTICO_LOG_LEVEL": "WARNING",
        "PORTICO_MAIL_SERVER": "127.0.0.1",
    }
    app = create_app(load(testing=True, database_url=url, secret_key="k" * 48, instance_dir=tmp_path))
    with app.app_context():
        upgrade()
        consumer = make_user(email="consumer@acme.example").email
        owner = make_user(RoleName.API_OWNER, email="owner@acme.example")
        plan = make_plan(state="active")
        product = make_product(plans=[plan], owners=[owner])
        offer = offers_of(product)[0]
        fields = {"product": str(product.id), "plan": str(plan.id), "catalogue": str(offer.catalogue.id)}
        reviewer = owner.email
        db.session.remove()

    chance = random.Random(7)
    confirmed: set[str] = set()
    decided: dict[str, str] = {}
    with smtp_server() as inbox:
        environment["PORTICO_MAIL_PORT"] = str(inbox.port)
        base = [sys.executable, "-m", "portal.cli"]
        programs = [
            Program([*base, "run", "--web-only", "--port", str(port)], environment, tmp_path / "web.log"),
            Program([*base, "worker"], environment, tmp_path / "worker.log"),
        ]
        try:
            submitted, killed = threading.Event(), threading.Event()
            home = f"http://127.0.0.1:{port}"
            threads = [
                threading.Thread(target=submit_all, args=(Person(home, consumer), fields, confirmed)),
                threading.Thread(target=decide_all, args=(Person(home, reviewer), decided, submitted)),
                threading.Thread(target=kill_at_random, args=(programs, killed, chance)),
            ]
            for thread in threads:
                thread.start()
            threads[0].join(600)
            submitted.set()
            threads[1].join(300)
            killed.set()
            threads[2].join(120)
            assert not any(thread.is_alive() for thread in threads), (tmp_path / "web.log").read_text()[-2000:]
            wait_until_delivered(app)
        finally:
            for program in programs:
                program.kill()

        with app.app_context():
            check(confirmed, decided, inbox.messages, consumer, reviewer)
            close_connections()


def wait_until_delivered(app) -> None:
    """Wait for the outbox to run empty; leases of killed workers are let run out at once."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        with app.app_context():
            with transaction():
                db.session.query(OutboxMessage).filter(OutboxMessage.state == MessageState.LEASED).update(
                    {"leased_until": now()}
                )
                db.session.query(OutboxMessage).filter(OutboxMessage.state == MessageState.READY).update(
                    {"due_at": now()}
                )
            left = db.session.query(OutboxMessage).filter(OutboxMessage.state != MessageState.DONE).count()
            db.session.remove()
        if not left:
            return
        time.sleep(1)
    raise AssertionError(f"{left} messages were not delivered")


def check(confirmed: set[str], decided: dict[str, str], mails, consumer: str, reviewer: str) -> None:
    """Nothing lost, nothing twice, every mail there."""
    found = db.session.scalars(select(AccessRequest)).all()
    by_app = Counter(request.app.name for request in found)
    assert set(by_app) == confirmed
    assert max(by_app.values()) == 1, "a submission was doubled"
    assert all(request.status is not RequestStatus.PENDING for request in found)

    words = {"approve": RequestStatus.APPROVED, "reject": RequestStatus.REJECTED}
    for request in found:
        if request.number in decided:
            assert request.status is words[decided[request.number]], "an answered decision was lost"
    verdicts = db.session.scalars(
        select(AuditEvent.subject).where(AuditEvent.kind.in_([EventKind.REQUEST_APPROVED, EventKind.REQUEST_REJECTED]))
    ).all()
    assert Counter(verdicts) == Counter(request.number for request in found), "a decision was recorded twice or never"
    grants = db.session.scalars(select(Grant.request_id)).all()
    assert Counter(grants) == Counter(r.id for r in found if r.status is RequestStatus.APPROVED)

    expected = db.session.scalars(select(OutboxMessage.message_id)).all()
    arrived = {str(received.mail["Message-ID"]) for received in mails}
    assert set(expected) <= arrived, "a mail is missing"
    for address, count in ((reviewer, len(found)), (consumer, len(found))):
        assert len({str(m.mail["Message-ID"]) for m in mails if address in m.recipients}) >= count
