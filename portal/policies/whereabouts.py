"""From where a person asks, for policies that look at it (C128).

The web says it at each request, and only where the installation looks at addresses at all. Nothing is known of whoever
is asked for by somebody else, or by a job; and what is not known is never an advantage.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from portal.accounts import User

_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_NO_COUNTRY = "XX"  # what proxies say of an address that they cannot place


@dataclass(frozen=True)
class Whereabouts:
    """A network address, and the two letters of the country that the proxy in front takes it for; empty: unknown."""

    address: str = ""
    country: str = ""

    def facts(self) -> dict[str, Any]:
        """What of this is known, as a policy reads it."""
        known = {"network.address": self.address} if self.address else {}
        country = self.country.strip().upper()
        if _COUNTRY.fullmatch(country) and country != _NO_COUNTRY:
            known["network.country"] = country
        return known


_NOWHERE = Whereabouts()
_asking: ContextVar[tuple[int, Whereabouts] | None] = ContextVar("portico_whereabouts", default=None)


def asks_from(person: User, where: Whereabouts) -> None:
    """Say from where this person asks in this request."""
    _asking.set((person.id, where))


def forget_whereabouts() -> None:
    """Say that the request is over."""
    _asking.set(None)


def whereabouts_of(person: User) -> Whereabouts:
    """From where this person asks just now; nowhere when somebody else does."""
    asking = _asking.get()
    return asking[1] if asking is not None and asking[0] == person.id else _NOWHERE
