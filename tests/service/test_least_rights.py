"""C139: on PostgreSQL web and worker can do with a role that has no right to change the record."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError

from portal import access
from portal.access import RequestStatus
from portal.accounts import RoleName
from portal.app import create_app, register_channels
from portal.config import load
from portal.db import close_connections, db, transaction
from portal.worker import Worker, tidy_up
from tests.support.browser import Browser
from tests.support.builders import make_app, make_request, make_user
from tests.support.postgres import drop_database, fresh_database, server_url

GUIDE = Path(__file__).parents[2] / "docs" / "operator.md"


def the_guides_lines(role: str) -> str:
    """What the operator's guide says to run, for this role."""
    [found] = re.findall(r"```sql\n(ALTER DEFAULT.*?)```", GUIDE.read_text(), re.DOTALL)
    return re.sub(r"\bportico\b", role, found)


def run(url: str, *statements: str) -> None:
    plain = make_url(url).set(drivername="postgresql")
    with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def roles(worker_id: str) -> Iterator[tuple[str, str]]:
    owner, user = f"rights_owner_{worker_id}", f"rights_user_{worker_id}"
    run(server_url(), *(f"CREATE ROLE {role} LOGIN PASSWORD 'for-a-test'" for role in (owner, user)))
    yield owner, user
    run(server_url(), *(f"DROP ROLE {role}" for role in (owner, user)))


@pytest.fixture
def installed(roles: tuple[str, str], worker_id: str, tmp_path: Path) -> Iterator[tuple[Flask, Flask]]:
    """The application as the owner of the tables, and as the role that serves people."""
    name, (owner, user) = f"portico_rights_{worker_id}", roles
    whole = fresh_database(name)
    run(whole, f"ALTER DATABASE {name} OWNER TO {owner}", f"ALTER SCHEMA public OWNER TO {owner}")

    def as_role(role: str) -> Flask:
        url = make_url(whole).set(username=role, password="for-a-test").render_as_string(hide_password=False)
        return create_app(load(testing=True, database_url=url, secret_key="r" * 48, instance_dir=tmp_path))

    owners = as_role(owner)
    with owners.app_context():
        upgrade()
        close_connections()
    run(owners.config["SQLALCHEMY_DATABASE_URI"], the_guides_lines(user))
    peoples = as_role(user)
    yield owners, peoples
    for app in (owners, peoples):
        with app.app_context(), suppress(Exception):
            close_connections()
    drop_database(name)


def test_C139_people_are_served_by_a_role_that_cannot_change_the_record(installed, capsys):
    _, app = installed
    register_channels(app.config["PORTICO"])
    with app.app_context():
        owner, person = make_user(RoleName.API_OWNER), make_user()
        asked = make_request(person, owner=owner, app=make_app(person, "Shop"))
        page = Browser(app, owner).get(f"/admin/access-requests/{asked.number}").press("Approve")
        assert page.status == 200
        db.session.rollback()
        assert access.find_request(asked.number, seen_by=person).status is RequestStatus.APPROVED
        shown = Browser(app, person).get(f"/apps/{asked.app_id}")
        assert shown.status == 200
        assert Worker(app, threading.Event()).round() > 0
        tidy_up(app.config["PORTICO"])
        assert "chore_failed" not in capsys.readouterr().err
        for table in ("audit_event", "policy_decision"):
            for deed in (f"update {table} set id = id", f"delete from {table}", f"truncate {table}"):
                with pytest.raises(ProgrammingError, match="permission denied"), transaction():
                    db.session.execute(text(deed))
        for deed in (
            "alter table audit_event disable trigger all",
            "drop trigger audit_event_no_change on audit_event",
        ):
            with pytest.raises(ProgrammingError, match="must be owner"), transaction():
                db.session.execute(text(deed))


def test_C139_tables_of_later_versions_have_their_rights(installed):
    owners, app = installed
    run(owners.config["SQLALCHEMY_DATABASE_URI"], "create table later (id bigserial primary key)")

    with app.app_context(), transaction():
        db.session.execute(text("insert into later default values"))
        assert db.session.scalar(text("select count(*) from later")) == 1
