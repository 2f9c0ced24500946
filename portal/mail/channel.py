"""The mail channel: which mails follow from an event, and sending them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from portal.config import Settings
from portal.events import Draft, EventKind, Failed, OutboxMessage


class MailChannel:
    """Mails to reviewers when a stage opens and to requesters when their request is decided."""

    name = "mail"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def drafts(self, kind: EventKind, subject: Any, reason: str) -> Iterable[Draft]:
        """The mails that follow from an event, rendered in the texts of this moment."""
        return []

    def deliver(self, messages: Sequence[OutboxMessage]) -> Iterable[tuple[OutboxMessage, Failed | None]]:
        """Send each message and say whether it went."""
        return [(message, None) for message in messages]
