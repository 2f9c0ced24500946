"""A real mail server for tests, on this machine: ``with smtp_server() as inbox:``. It can also be a bad one."""

from __future__ import annotations

import asyncio
import email.policy
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from portal.config import Settings


@dataclass(frozen=True)
class Received:
    """One mail as it came over the wire."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def mail(self) -> EmailMessage:
        """The mail, read."""
        return email.message_from_bytes(self.content, policy=email.policy.default)

    @property
    def subject(self) -> str:
        """The subject, decoded."""
        return str(self.mail["Subject"])

    @property
    def text(self) -> str:
        """The text part."""
        part = self.mail.get_body(("plain",))
        assert part is not None
        return part.get_content().replace("\r\n", "\n")

    @property
    def html(self) -> str:
        """The HTML part."""
        part = self.mail.get_body(("html",))
        assert part is not None
        return part.get_content().replace("\r\n", "\n")


@dataclass
class Inbox:
    """What the server got, and how it shall misbehave: each rule is an answer for a recipient, or for all (``*``)."""

    port: int
    messages: list[Received] = field(default_factory=list)
    connections: int = 0
    at_recipient: dict[str, str] = field(default_factory=dict)
    at_content: dict[str, str] = field(default_factory=dict)
    drops: set[str] = field(default_factory=set)
    hangs: dict[str, float] = field(default_factory=dict)

    def settings(self, settings: Settings, **others: Any) -> Settings:
        """These settings, with this mail server."""
        return settings.model_copy(update={"mail_server": "127.0.0.1", "mail_port": self.port, **others})

    def refuse(self, recipient: str = "*", answer: str = "550 No such mailbox") -> None:
        """Answer so when the recipient is named."""
        self.at_recipient[recipient] = answer

    def refuse_content(self, recipient: str = "*", answer: str = "452 Disk full") -> None:
        """Answer so when the content has come."""
        self.at_content[recipient] = answer

    def drop(self, recipient: str = "*") -> None:
        """Close the connection instead of an answer."""
        self.drops.add(recipient)

    def hang(self, recipient: str = "*", seconds: float = 30.0) -> None:
        """Say nothing for so long."""
        self.hangs[recipient] = seconds

    def behave(self) -> None:
        """Be a good server again."""
        for rules in (self.at_recipient, self.at_content, self.drops, self.hangs):
            rules.clear()

    def to(self, recipient: str) -> list[Received]:
        """The mails to this address."""
        return [received for received in self.messages if recipient in received.recipients]


class _Handler:
    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if seconds := _rule(self.inbox.hangs, address):
            await asyncio.sleep(seconds)
        if address in self.inbox.drops or "*" in self.inbox.drops:
            assert server.transport is not None
            server.transport.close()
            return "421 Goodbye"
        if answer := _rule(self.inbox.at_recipient, address):
            return str(answer)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        for address in envelope.rcpt_tos:
            if answer := _rule(self.inbox.at_content, address):
                return str(answer)
        content = envelope.content
        assert isinstance(content, bytes)
        self.inbox.messages.append(Received(str(envelope.mail_from), list(envelope.rcpt_tos), content))
        return "250 Taken"


class _Server(SMTP):
    inbox: Inbox

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.inbox.connections += 1
        super().connection_made(transport)


class _Controller(Controller):
    def __init__(self, inbox: Inbox) -> None:
        super().__init__(_Handler(inbox), hostname="127.0.0.1", port=inbox.port, enable_SMTPUTF8=True, ready_timeout=60)
        self.inbox = inbox

    def factory(self) -> SMTP:
        server = _Server(self.handler, enable_SMTPUTF8=True, ident="test", data_size_limit=2**24)
        server.inbox = self.inbox
        return server


def free_port() -> int:
    """A loopback port that nobody uses, for servers that cannot choose one by themselves.

    It lies below those that outgoing connections are given, or one of them might take it before the server does.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


@contextmanager
def smtp_server(port: int | None = None) -> Iterator[Inbox]:
    """A mail server on a free port (or this one) and what it receives."""
    inbox = Inbox(port or free_port())
    controller = _Controller(inbox)
    controller.start()
    inbox.connections = 0  # the controller knocked to see whether the server is there
    try:
        yield inbox
    finally:
        controller.stop()


def wait_until(done: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Wait until this is true, or fail."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "It did not become true in time."
        time.sleep(0.02)


def _rule(rules: dict[str, Any], address: str) -> Any:
    return rules.get(address, rules.get("*"))
