"""Worlds: every way in which the attributes of some rules can come out, as far as the rules can tell the difference.

A rule that asks whether a number is at least 100 cannot tell 5 from 50, so a few values of each attribute stand for
all of them. Trying each combination answers questions about a policy exactly: can this be true, can it be false,
does that rule cover this one. A policy that asks too much at once is not answered, rather than guessed.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, combinations, pairwise, product
from typing import Any

from portal.policies.attributes import NOT_ASKED, REGISTRY, WEEKDAYS, Attribute, Kind, Registry
from portal.policies.conditions import Broken, Leaf

MOST_WORLDS, MOST_ELEMENTS = 20_000, 6
UNKNOWN = object()
OTHER = "\N{REPLACEMENT CHARACTER} something else"


class TooMany(Exception):
    """There are more worlds than anybody has time to look at."""


def worlds(
    leaves: Iterable[Leaf | Broken], *, unknown: bool = False, registry: Registry = REGISTRY
) -> Iterator[Mapping[str, Any]]:
    """The worlds that these comparisons can tell apart; ``unknown`` also leaves attributes out."""
    asked: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        if isinstance(leaf, Leaf):
            asked.setdefault(leaf.attribute, []).append(leaf)
    columns = {name: [*([UNKNOWN] if unknown else []), *cells(registry[name], found)] for name, found in asked.items()}
    if math.prod(map(len, columns.values())) > MOST_WORLDS:
        raise TooMany
    for values in product(*columns.values()):
        yield {name: value for name, value in zip(columns, values, strict=True) if value is not UNKNOWN}


def cells(attribute: Attribute, leaves: Iterable[Leaf]) -> list[Any]:
    """Values that stand for all that these comparisons of one attribute can tell apart."""
    unasked = [NOT_ASKED] if attribute.may_be_unasked else []
    wanted = [leaf.wanted for leaf in leaves if leaf.wanted is not None]
    match attribute.kind:
        case Kind.CHOICE:
            return [*attribute.values, *unasked]
        case Kind.YES_NO:
            return [True, False, *unasked]
        case Kind.NUMBER:
            return [*_numbers(attribute, wanted), *unasked]
        case Kind.MOMENT:
            minutes = {0, *(minute % (24 * 60) for hours in wanted for minute in (hours.start, hours.until))}
            return list(product(WEEKDAYS, sorted(minutes)))
        case Kind.NETWORK:
            return _addresses(wanted)
    named = _texts(wanted, folded=attribute.any_case)
    if attribute.kind is Kind.TEXT:
        return [*named, OTHER, *unasked]
    if len(named) > MOST_ELEMENTS:
        raise TooMany
    subsets = chain.from_iterable(combinations((*named, OTHER), size) for size in range(len(named) + 2))
    return [frozenset(subset) for subset in subsets]


def _texts(wanted: Iterable[Any], *, folded: bool) -> list[str]:
    texts = chain.from_iterable(value if isinstance(value, tuple) else (value,) for value in wanted)
    return sorted({text.casefold() if folded else text for text in texts})


def _numbers(attribute: Attribute, wanted: Iterable[float]) -> list[float]:
    """Each number that is named, one between each two, and one beyond either end."""
    named = sorted(set(wanted))
    if not named:
        return [attribute.least or 0]
    between = [(a + b) / 2 for a, b in pairwise(named)]
    found = sorted({named[0] - 1, *named, *between, named[-1] + 1})
    least, most = attribute.least, attribute.most
    return [n for n in found if (least is None or n >= least) and (most is None or n <= most)]


def _addresses(wanted: Iterable[tuple[str, ...]]) -> list[Any]:
    """The ends of each network that is named, and the addresses just outside."""
    found: set[Any] = {ipaddress.ip_address("198.51.100.1"), ipaddress.ip_address("2001:db8::1")}
    for network in map(ipaddress.ip_network, chain.from_iterable(wanted)):
        first, last = network.network_address, network.broadcast_address
        found |= {first, last}
        found |= {first - 1} if int(first) else set()
        found |= {last + 1} if int(last) < 2**last.max_prefixlen - 1 else set()
    return sorted(found, key=lambda address: (address.version, int(address)))
