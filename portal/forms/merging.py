"""Several forms asked as one: a cart with three products asks each question once, in its strictest version."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from portal.forms.fields import Condition, Feed, Field, FieldType


def merge(forms: Iterable[Sequence[Field]]) -> list[Field]:
    """The fields of all forms, those with the same key as one.

    The stricter wins: required if any says so, the longer minimum, only the choices that all offer, shown always when
    the conditions differ, used again if all allow it. Where two cannot be reconciled (another kind, no choice in
    common) both are asked.
    """
    merged: dict[str, Field] = {}
    for fields in forms:
        called: dict[str, str] = {}  # keys that had to be changed in this form, for its own conditions
        for field in fields:
            known = merged.get(field.key)
            moved = _renamed(field, called)
            both = _both(known, moved) if known is not None else moved
            if both is None:
                key = _free(field.key, merged)
                called[field.key] = key
                feeds = None if known is not None and known.feeds is field.feeds else field.feeds
                merged[key] = replace(moved, key=key, feeds=feeds)
            else:
                merged[field.key] = both
    return list(merged.values())


def narrowed(fields: Iterable[Field], limits: Mapping[Feed, Collection[str]]) -> list[Field]:
    """The fields with only those choices that the products of the cart allow (C15, C17)."""
    return [_limited(field, limits) for field in fields]


def fed(fields: Iterable[Field], answers: Mapping[str, Any]) -> dict[str, Any]:
    """What the answers tell an approval policy, by attribute.

    What was not answered is not there, nor what two fields answer differently: unknown makes a policy stricter.
    """
    told: dict[str, list[Any]] = {}
    for field in fields:
        if field.feeds and field.key in answers:
            told.setdefault(field.feeds.value, []).append(answers[field.key])
    return {feed: values[0] for feed, values in told.items() if all(value == values[0] for value in values)}


def _limited(field: Field, limits: Mapping[Feed, Collection[str]]) -> Field:
    allowed = limits.get(field.feeds) if field.feeds else None
    if allowed is None or field.type is not FieldType.CHOICE:
        return field
    left = tuple(choice for choice in field.choices if choice.value in allowed)
    return replace(field, choices=left) if left else field  # a form with words of its own is not about ours


def _renamed(field: Field, called: Mapping[str, str]) -> Field:
    condition = field.shown_if
    if condition is None or condition.field not in called:
        return field
    return replace(field, shown_if=Condition(called[condition.field], condition.answers))


def _free(key: str, taken: Collection[str]) -> str:
    return next(k for n in range(2, len(taken) + 3) if (k := f"{key[:36]}_{n}") not in taken)


def _both(one: Field, other: Field) -> Field | None:
    if one.type is not other.type:
        return None
    choices = tuple(choice for choice in one.choices if choice.value in other.values)
    least, most = _stricter(one.least, other.least, max), _stricter(one.most, other.most, min)
    shortest = _stricter(one.min_length, other.min_length, max)
    longest = _stricter(one.max_length, other.max_length, min)
    if (one.choices and not choices) or _empty(least, most) or _empty(shortest, longest):
        return None
    return replace(
        one,
        required=one.required or other.required,
        help=one.help or other.help,
        choices=choices,
        least=least,
        most=most,
        min_length=shortest,
        max_length=longest,
        shown_if=one.shown_if if one.shown_if == other.shown_if else None,
        feeds=one.feeds or other.feeds,
        needed_by=tuple(dict.fromkeys((*one.needed_by, *other.needed_by))),
        one_of=one.one_of or other.one_of,
        again=one.again and other.again,
    )


def _stricter(one: int | None, other: int | None, choose: Any) -> int | None:
    known = [bound for bound in (one, other) if bound is not None]
    return choose(known) if known else None


def _empty(low: int | None, high: int | None) -> bool:
    return low is not None and high is not None and low > high
