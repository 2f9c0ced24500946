"""The facts that a policy is judged on: one product of one request, as values by the names of attributes.

Facts are plain JSON, so that a decision can be stored with its input and made again (I16). What is missing, None, of
the wrong type or not among the possible values is unknown, which never loosens a decision (I8).
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from portal.policies.attributes import NOT_ASKED, REGISTRY, UNLIMITED, WEEKDAYS, Attribute, Kind, Registry, Source

DAY = 86_400
SECONDS_OF_PERIOD = {
    "second": 1,
    "minute": 60,
    "hour": 3_600,
    "day": DAY,
    "week": 7 * DAY,
    "month": 30 * DAY,
    "year": 365 * DAY,
}


class Facts:
    """Facts in the form in which conditions are tested; ``given`` keeps them as they came.

    ``errors`` says what was given but cannot be, and is therefore taken as unknown.
    """

    __slots__ = ("errors", "given", "values")

    def __init__(self, given: Mapping[str, Any], registry: Registry = REGISTRY) -> None:
        self.given = given
        self.values: dict[str, Any] = {}
        self.errors: list[str] = []
        readers = _readers_of(registry)
        for name, raw in given.items():
            if raw is None or (reader := readers.get(name)) is None:
                continue
            try:
                self.values[name] = reader(raw)
            except (ValueError, TypeError, OverflowError):
                self.errors.append(f"{name}: {str(raw)[:80]!r} cannot be; taken as unknown.")


def facts_of(given: Mapping[str, Any] | Facts) -> Facts:
    """Facts ready for conditions; those that are ready already are given back."""
    return given if isinstance(given, Facts) else Facts(given)


# --- reading values --------------------------------------------------------------------------------------------------

Reader = Callable[[Any], Any]


@lru_cache(maxsize=16)
def _readers_of(registry: Registry) -> dict[str, Reader]:
    """The readers of all attributes; made once for a registry."""
    return {name: _reader_of(registry[name]) for name in registry}


def forget_readers() -> None:
    """Make the readers anew: the registry knows other attributes now."""
    _readers_of.cache_clear()


def _reader_of(attribute: Attribute) -> Reader:
    reader = _plain_reader_of(attribute)
    if not attribute.may_be_unasked:
        return reader
    return lambda raw: NOT_ASKED if raw == NOT_ASKED else reader(raw)


def _plain_reader_of(attribute: Attribute) -> Reader:
    match attribute.kind:
        case Kind.TEXT:
            return _folded_text if attribute.any_case else _text
        case Kind.CHOICE:
            return _choice_of(attribute)
        case Kind.TEXT_SET:
            return _folded_set if attribute.any_case else _set
        case kind:
            return {Kind.NUMBER: _number, Kind.YES_NO: _yes_no, Kind.MOMENT: _moment, Kind.NETWORK: _address}[kind]


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError
    return raw


def _folded_text(raw: Any) -> str:
    return _text(raw).casefold()


def _choice_of(attribute: Attribute) -> Reader:
    values = frozenset(attribute.values)

    def choice(raw: Any) -> str:
        if raw not in values:
            raise ValueError
        return str(raw)

    return choice


def _number(raw: Any) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not math.isfinite(raw):
        raise TypeError
    return raw


def _yes_no(raw: Any) -> bool:
    if not isinstance(raw, bool):
        raise TypeError
    return raw


def _set(raw: Any) -> frozenset[str]:
    if not isinstance(raw, list | tuple | set | frozenset):
        raise TypeError
    return frozenset(map(_text, raw))


def _folded_set(raw: Any) -> frozenset[str]:
    return frozenset(text.casefold() for text in _set(raw))


def _moment(raw: Any) -> tuple[str, int]:
    """Weekday and minute of the day by the clock on the wall, whatever the zone did to it that day."""
    local = datetime.fromisoformat(_text(raw))
    return WEEKDAYS[local.weekday()], local.hour * 60 + local.minute


def _address(raw: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(_text(raw))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


# --- making facts ----------------------------------------------------------------------------------------------------


def time_facts(moment: datetime, zone: str) -> dict[str, Any]:
    """What the clock says at a product's place; nothing where the zone is not known."""
    try:
        local = moment.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return {}
    return {
        "time.hour": local.hour,
        "time.weekday": WEEKDAYS[local.weekday()],
        "time.local": local.isoformat(timespec="minutes"),
    }


def requests_a_day(requests: int | None, period: str) -> float | None:
    """The quota of a plan as requests a day; a plan without one allows any number."""
    if requests is None:
        return UNLIMITED
    seconds = SECONDS_OF_PERIOD.get(period)
    return requests * DAY / seconds if seconds else None


def form_facts(answers: Mapping[str, Any], asked: frozenset[str] | set[str]) -> dict[str, Any]:
    """The attributes of the form: the answers, what was not asked as that, and what was not answered as unknown."""
    facts: dict[str, Any] = {}
    for name, attribute in REGISTRY.items():
        if attribute.source is not Source.FORM:
            continue
        if name not in asked:
            facts[name] = NOT_ASKED
        elif answers.get(name) not in (None, ""):
            facts[name] = answers[name]
    return facts
