"""What the tests about accounts share: reading mails, and turning the limits on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from portal.db import db
from portal.events import OutboxMessage
from portal.web.limits import Limits


@pytest.fixture
def mails(app: Flask) -> Callable[[str], list[OutboxMessage]]:
    """The mails waiting for an address, oldest first."""

    def of(address: str) -> list[OutboxMessage]:
        query = select(OutboxMessage).where(OutboxMessage.recipient == address).order_by(OutboxMessage.id)
        return list(db.session.scalars(query))

    return of


@pytest.fixture
def link_in() -> Callable[[OutboxMessage], str]:
    """The path of the first link in a mail."""

    def of(message: OutboxMessage) -> str:
        found = re.search(r"https?://\S+", message.payload["text"])
        assert found, message.payload["text"]
        return urlsplit(found[0]).path

    return of


@pytest.fixture
def limited(app: Flask) -> Iterator[Limits]:
    """Limits as in operation, from a clean slate."""
    limits: Limits = app.extensions["portico_limits"]
    limits.enabled = True
    limits.reset()
    yield limits
    limits.reset()
    limits.enabled = False
