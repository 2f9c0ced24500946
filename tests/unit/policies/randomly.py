"""Random policies and facts for property tests: everything that can be written, over all attributes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from portal.policies.attributes import NOT_ASKED, REGISTRY, WEEKDAYS, Attribute, Kind
from portal.policies.operators import WITH_LIST, WITHOUT_VALUE, Operator, operators_of
from portal.policies.stages import SHIPPED_STAGES

TEXTS = ("acme", "payments", "Gold", "CH", "example.com")
SCOPES = ("orders:read", "orders:write", "pii:read", "consumer", "api_owner")
NETWORKS = ("192.0.2.0/24", "192.0.2.128/25", "10.0.0.0/8", "2001:db8::/32")
ADDRESSES = ("192.0.2.7", "192.0.2.200", "10.1.2.3", "203.0.113.9", "2001:db8::7")
LOCAL_TIMES = ("2026-03-02T07:59+01:00", "2026-03-02T08:00+01:00", "2026-03-07T23:30+01:00", "2026-03-08T02:00+01:00")
CLOCK = ("00:00", "02:30", "08:00", "18:00", "23:45")
KEYS = tuple(SHIPPED_STAGES)


def values_of(attribute: Attribute) -> st.SearchStrategy[Any]:
    """One value that a condition may name for this attribute."""
    match attribute.kind:
        case Kind.CHOICE:
            return st.sampled_from((*attribute.values, *((NOT_ASKED,) if attribute.may_be_unasked else ())))
        case Kind.NUMBER:
            return st.integers(0, 23)
        case Kind.TEXT:
            return st.sampled_from(TEXTS)
        case Kind.TEXT_SET:
            return st.sampled_from(SCOPES)
        case _:
            return st.sampled_from(NETWORKS)


@st.composite
def hours(draw: st.DrawFn) -> dict[str, Any]:
    start, until = draw(st.lists(st.sampled_from(CLOCK), min_size=2, max_size=2, unique=True))
    days = draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True))
    return {"from": start, "until": until, "days": days}


@st.composite
def leaves(draw: st.DrawFn, names: tuple[str, ...] = tuple(REGISTRY)) -> dict[str, Any]:
    attribute = REGISTRY[draw(st.sampled_from(names))]
    operator = draw(st.sampled_from(operators_of(attribute)))
    written: dict[str, Any] = {"attribute": attribute.name, "is": operator.value}
    if operator in WITHOUT_VALUE:
        return written
    if operator is Operator.WITHIN_HOURS:
        return {**written, "value": draw(hours())}
    value = values_of(attribute)
    return {**written, "value": draw(st.lists(value, min_size=1, max_size=3) if operator in WITH_LIST else value)}


def conditions(names: tuple[str, ...] = tuple(REGISTRY)) -> st.SearchStrategy[dict[str, Any]]:
    return st.recursive(
        leaves(names),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
            st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
            inner.map(lambda part: {"not": part}),
        ),
        max_leaves=6,
    )


OUTCOMES = st.one_of(
    st.just({"outcome": "auto"}),
    st.just({"outcome": "deny"}),
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True).map(
        lambda keys: {"outcome": "stages", "stages": keys}
    ),
)


@st.composite
def policies(draw: st.DrawFn, names: tuple[str, ...] = tuple(REGISTRY)) -> dict[str, Any]:
    rules = [
        {"key": f"rule-{number}", "because": f"Reason {number}.", "when": when, "then": draw(OUTCOMES)}
        for number, when in enumerate(draw(st.lists(conditions(names), max_size=5)))
    ]
    order = draw(st.lists(st.lists(st.sampled_from(KEYS), min_size=1, max_size=2), max_size=3))
    seen: set[str] = set()
    steps = [[key for key in step if not (key in seen or seen.add(key))] for step in order]  # type: ignore[func-returns-value]
    return {"rules": rules, "order": [step for step in steps if step]}


def found_in(attribute: Attribute) -> st.SearchStrategy[Any]:
    """A fact of this attribute."""
    match attribute.kind:
        case Kind.YES_NO:
            plain: st.SearchStrategy[Any] = st.booleans()
        case Kind.TEXT_SET:
            plain = st.lists(st.sampled_from((*SCOPES, "other")), unique=True, max_size=4)
        case Kind.MOMENT:
            plain = st.sampled_from(LOCAL_TIMES)
        case Kind.NETWORK:
            plain = st.sampled_from(ADDRESSES)
        case Kind.CHOICE:
            plain = st.sampled_from(attribute.values)
        case Kind.TEXT:
            plain = st.sampled_from((*TEXTS, "ACME", "other"))
        case Kind.NUMBER:
            plain = st.integers(0, 30)
    return st.one_of(plain, st.just(NOT_ASKED)) if attribute.may_be_unasked else plain


def facts() -> st.SearchStrategy[dict[str, Any]]:
    """Everything known."""
    return st.fixed_dictionaries({name: found_in(attribute) for name, attribute in REGISTRY.items()})


def some_facts() -> st.SearchStrategy[dict[str, Any]]:
    """Some things known, some missing."""
    return st.fixed_dictionaries({}, optional={name: found_in(attribute) for name, attribute in REGISTRY.items()})
