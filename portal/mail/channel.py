"""The mail channel: which mails follow from an event, and sending them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from portal.accounts import ACCOUNT_MAIL
from portal.config import Settings
from portal.events import Draft, EventKind, Failed, OutboxMessage
from portal.mail.compose import Composer
from portal.mail.delivery import Postman


class MailChannel:
    """Mails to reviewers when a stage opens, to requesters when their request is decided, to owners of apps."""

    name = "mail"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.composer = Composer(settings)
        self.postman = Postman(settings)

    @property
    def keeps(self) -> bool:
        """Whether mails are kept for /dev/mailbox and not sent. Never where real people wait for them."""
        return self.settings.keeps_mail and (self.settings.demo or self.settings.testing)

    def drafts(self, kind: EventKind, subject: Any, reason: str, *, by: Any = None) -> Iterable[Draft]:
        """The mails that follow from an event, rendered in the texts of this moment."""
        return self.composer.drafts(kind, subject, reason, by)

    def deliver(self, messages: Iterable[OutboxMessage]) -> Iterable[tuple[OutboxMessage, Failed | None]]:
        """Send each message and say whether it went."""
        if self.keeps:
            return ((message, None) for message in messages)
        if self.settings.keeps_mail:
            unset = Failed("No mail server is set: PORTICO_MAIL_SERVER is empty.", outage=True)
            return ((message, unset) for message in messages)
        return self.postman.deliver(messages)

    def forgets(self, message: OutboxMessage) -> bool:
        """Whether the mail held a link that opens an account, which must not stay readable here (H2)."""
        return message.kind.startswith(ACCOUNT_MAIL) and not self.keeps
