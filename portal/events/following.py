"""What follows from an event at once, in the same transaction, in a room above the one where it happened.

A room knows nothing of those above it. Where what it changes means something there (who leaves a group is no longer
asked), the room above says so here once, and no page, command or later room has to remember it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from portal.events.kinds import EventKind
from portal.events.models import AuditEvent

Follower = Callable[[Any, AuditEvent], None]

_followers: dict[EventKind, list[Follower]] = {}


def follow(kind: EventKind, follower: Follower) -> None:
    """Call ``follower`` with the subject and the event whenever such an event is recorded; once, however often said."""
    known = _followers.setdefault(kind, [])
    if follower not in known:
        known.append(follower)


def followers_of(kind: EventKind) -> Sequence[Follower]:
    """Those who follow events of this kind, in the order in which they said so."""
    return _followers.get(kind, ())
