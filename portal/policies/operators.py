"""The comparisons that a condition may make: which attribute has which, what they want, and how each is tested.

A test is made once, when a policy is read, and is then a plain function from a found value to true or false. Values
that are not known never come to a test.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from portal.policies.attributes import NOT_ASKED, WEEKDAYS, Attribute, Kind

MOST_VALUES, LONGEST_TEXT, LARGEST = 200, 200, 10**15
CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
Test = Callable[[Any], bool]


class Operator(StrEnum):
    """How a found value is compared with the wanted one."""

    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    ONE_OF = "one_of"
    NONE_OF = "none_of"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    CONTAINS = "contains"
    CONTAINS_ANY = "contains_any"
    ONLY_OF = "only_of"
    IS_TRUE = "is_true"
    IS_FALSE = "is_false"
    WITHIN_HOURS = "within_hours"
    IN_NETWORK = "in_network"
    IS_ASKED = "is_asked"


_SAME = (Operator.EQUALS, Operator.NOT_EQUALS)
_LISTED = (*_SAME, Operator.ONE_OF, Operator.NONE_OF)
_BY_KIND: dict[Kind, tuple[Operator, ...]] = {
    Kind.TEXT: _LISTED,
    Kind.CHOICE: _LISTED,
    Kind.NUMBER: (*_SAME, Operator.AT_LEAST, Operator.AT_MOST),
    Kind.YES_NO: (Operator.IS_TRUE, Operator.IS_FALSE),
    Kind.TEXT_SET: (Operator.CONTAINS, Operator.CONTAINS_ANY, Operator.ONLY_OF),
    Kind.MOMENT: (Operator.WITHIN_HOURS,),
    Kind.NETWORK: (Operator.IN_NETWORK,),
}
WITHOUT_VALUE = frozenset({Operator.IS_TRUE, Operator.IS_FALSE, Operator.IS_ASKED})
WITH_LIST = frozenset({Operator.ONE_OF, Operator.NONE_OF, Operator.CONTAINS_ANY, Operator.ONLY_OF, Operator.IN_NETWORK})
NEGATIVE = frozenset({Operator.NOT_EQUALS, Operator.NONE_OF})


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of the week: from the first minute to the one before ``until``, on these days. May pass midnight."""

    start: int
    until: int
    days: tuple[str, ...] = WEEKDAYS

    def hold(self, moment: tuple[str, int]) -> bool:
        """Whether a weekday and minute of the day lie within. After midnight the day before counts."""
        day, minute = moment
        if self.start < self.until:
            return day in self.days and self.start <= minute < self.until
        if minute >= self.start:
            return day in self.days
        return minute < self.until and WEEKDAYS[WEEKDAYS.index(day) - 1] in self.days

    def as_json(self) -> dict[str, Any]:
        """The hours as a policy writes them."""
        return {"from": _clock(self.start), "until": _clock(self.until), "days": list(self.days)}


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def operators_of(attribute: Attribute) -> tuple[Operator, ...]:
    """The comparisons that this attribute has."""
    more = (Operator.IS_ASKED,) if attribute.may_be_unasked else ()
    return (*_BY_KIND[attribute.kind], *more)


# --- what a rule wants -----------------------------------------------------------------------------------------------


def read_wanted(attribute: Attribute, operator: Operator, raw: object) -> Any:
    """The wanted value in its lasting form. Raises ValueError with a sentence if it cannot be meant."""
    if operator in WITH_LIST:
        if not isinstance(raw, list) or not raw:
            raise ValueError("must be a list with at least one value")
        if len(raw) > MOST_VALUES:
            raise ValueError(f"has {len(raw)} values, more than {MOST_VALUES}")
        return tuple(dict.fromkeys(_read_one(attribute, entry) for entry in raw))
    if operator is Operator.WITHIN_HOURS:
        return _read_hours(raw)
    return _read_one(attribute, raw)


def _read_one(attribute: Attribute, raw: object) -> Any:
    if attribute.kind is Kind.NUMBER:
        return _read_number(attribute, raw)
    if not isinstance(raw, str):
        raise ValueError(f"must be text, not {_name_of(raw)}")
    if not raw.strip():
        raise ValueError("must not be empty")
    if len(raw) > LONGEST_TEXT:
        raise ValueError(f"is longer than {LONGEST_TEXT} characters")
    if attribute.kind is Kind.NETWORK:
        return _read_network(raw)
    allowed = _allowed(attribute)
    if allowed and raw not in allowed:
        raise ValueError(f"'{raw}' is not possible here; it can be {', '.join(allowed)}")
    return raw


def _allowed(attribute: Attribute) -> tuple[str, ...]:
    unasked = (NOT_ASKED,) if attribute.values and attribute.may_be_unasked else ()
    return (*attribute.values, *unasked)


def _read_number(attribute: Attribute, raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError(f"must be a number, not {_name_of(raw)}")
    if not abs(raw) <= LARGEST:  # true of what is not a number, too
        raise ValueError("must be a number that can be told")
    if attribute.least is not None and raw < attribute.least:
        raise ValueError(f"{raw} is not possible here; the least is {attribute.least:g}")
    if attribute.most is not None and raw > attribute.most:
        raise ValueError(f"{raw} is not possible here; the most is {attribute.most:g}")
    return raw


def _read_network(raw: str) -> str:
    try:
        return str(ipaddress.ip_network(raw))
    except ValueError:
        raise ValueError(f"'{raw}' is not a network such as 192.0.2.0/24") from None


def _read_hours(raw: object) -> Hours:
    if not isinstance(raw, dict) or not {"from", "until"} <= raw.keys() <= {"from", "until", "days"}:
        raise ValueError('must be like {"from": "08:00", "until": "18:00", "days": ["mon", "tue"]}')
    start, until = _minute(raw["from"]), _minute(raw["until"])
    if start == until or start == 24 * 60:
        raise ValueError("holds no time: 'from' and 'until' must differ, and no day begins at 24:00")
    days = raw.get("days", list(WEEKDAYS))
    if not isinstance(days, list) or not days or any(day not in WEEKDAYS for day in days):
        raise ValueError(f"days must be a list of {', '.join(WEEKDAYS)}")
    return Hours(start, until, tuple(day for day in WEEKDAYS if day in days))


def _minute(raw: object) -> int:
    if not isinstance(raw, str) or not CLOCK.fullmatch(raw):
        raise ValueError(f"{raw!r:.20} is not a time such as 08:00")
    hours, minutes = raw.split(":")
    return int(hours) * 60 + int(minutes)


def _name_of(raw: object) -> str:
    names = {bool: "yes or no", str: "text", int: "a number", list: "a list", dict: "an object", type(None): "nothing"}
    return names.get(type(raw), "a number" if isinstance(raw, float) else type(raw).__name__)


def as_json(wanted: object) -> Any:
    """A wanted value as a policy writes it."""
    if isinstance(wanted, Hours):
        return wanted.as_json()
    return list(wanted) if isinstance(wanted, tuple) else wanted


# --- tests -----------------------------------------------------------------------------------------------------------


def make_test(attribute: Attribute, operator: Operator, wanted: Any) -> Test:
    """The function that tells of a found value whether it is as wanted."""
    return _MAKERS[operator](_comparable(attribute, wanted))


def _comparable(attribute: Attribute, wanted: Any) -> Any:
    """The wanted value in the form that ``facts`` gives to found ones."""
    if attribute.kind is Kind.NETWORK:
        return [ipaddress.ip_network(network) for network in wanted]
    folds = attribute.kind in (Kind.TEXT, Kind.TEXT_SET) and attribute.any_case
    if isinstance(wanted, tuple):
        return frozenset(value.casefold() if folds else value for value in wanted)
    return wanted.casefold() if folds and isinstance(wanted, str) else wanted


def _at_least(wanted: float) -> Test:
    return lambda found: found != NOT_ASKED and bool(found >= wanted)


def _at_most(wanted: float) -> Test:
    return lambda found: found != NOT_ASKED and bool(found <= wanted)


def _within(hours: Hours) -> Test:
    return hours.hold


def _in_network(networks: Sequence[Any]) -> Test:
    return lambda found: any(found in network for network in networks)


_MAKERS: dict[Operator, Callable[[Any], Test]] = {
    Operator.EQUALS: lambda wanted: lambda found: bool(found == wanted),
    Operator.NOT_EQUALS: lambda wanted: lambda found: bool(found != wanted),
    Operator.ONE_OF: lambda wanted: lambda found: found in wanted,
    Operator.NONE_OF: lambda wanted: lambda found: found not in wanted,
    Operator.AT_LEAST: _at_least,
    Operator.AT_MOST: _at_most,
    Operator.CONTAINS: lambda wanted: lambda found: wanted in found,
    Operator.CONTAINS_ANY: lambda wanted: lambda found: not wanted.isdisjoint(found),
    Operator.ONLY_OF: lambda wanted: lambda found: bool(found <= wanted),
    Operator.IS_TRUE: lambda _: lambda found: found is True,
    Operator.IS_FALSE: lambda _: lambda found: found is False,
    Operator.WITHIN_HOURS: _within,
    Operator.IN_NETWORK: _in_network,
    Operator.IS_ASKED: lambda _: lambda found: bool(found != NOT_ASKED),
}
