"""Channels: where messages about events go. Mail is the first; each later one is another class like it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from portal.events.kinds import EventKind
from portal.events.models import OutboxMessage


@dataclass(frozen=True)
class Draft:
    """A message as a channel composed it: final, for one recipient."""

    recipient: str
    kind: str
    subject: str
    payload: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """Why a delivery did not succeed.

    ``permanent``: trying again is useless. ``outage``: the way itself is down (no connection), which is not the
    message's fault and never kills it within days. ``retry_after``: seconds, when the other side named them.
    """

    reason: str
    permanent: bool = False
    outage: bool = False
    retry_after: int | None = None


class Channel(Protocol):
    """A way to tell people or programs what happened."""

    name: str

    def drafts(self, kind: EventKind, subject: Any, reason: str, *, by: Any = None) -> Iterable[Draft]:
        """The messages that follow from an event that this person (or nobody) caused, rendered.

        Runs inside the transaction, so there is no network here.
        """

    def deliver(self, messages: Iterable[OutboxMessage]) -> Iterable[tuple[OutboxMessage, Failed | None]]:
        """Send the messages one after the other, by one connection where possible; say of each whether it went.

        Takes a message only when it is about to be sent: what it did not take was not tried. Never raises.
        """

    def forgets(self, message: OutboxMessage) -> bool:
        """Whether the content must not stay readable once it is delivered, since it opens a door."""


_channels: dict[str, Channel] = {}


def register(channel: Channel) -> None:
    """Make a channel known; a second one of the same name takes its place."""
    _channels[channel.name] = channel


def registered() -> list[Channel]:
    """The channels that events go out by."""
    return list(_channels.values())


def channel_named(name: str) -> Channel | None:
    """The channel of this name, if it is registered."""
    return _channels.get(name)
