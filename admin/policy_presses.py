"""Pressing the buttons of a policy's editor: cards and conditions added, moved and taken away."""

from __future__ import annotations

from typing import Any

from admin.policy_editor import DEEPEST, MOST_CARDS, Card, Node, below, new_card, new_leaf


def arranged(cards: list[Card], deed: str) -> tuple[list[Card], str]:
    """The cards after one press of a button ("rule-up:2", "leaf-add:0:1-0"), and the id of what to look at then."""
    what, _, where = deed.partition(":")
    number, _, place = where.partition(":")
    if what == "rule-add":
        return ([*cards, new_card()], f"rule-{len(cards)}") if len(cards) < MOST_CARDS else (cards, "")
    if not (number.isascii() and number.isdigit() and int(number) < len(cards)):
        return cards, ""
    at = int(number)
    if what.startswith("rule-"):
        moved, target = _moved(cards, at, what.removeprefix("rule-"))
        return moved, f"rule-{target}" if moved else ""
    return cards, _change_tree(cards[at]["when"], what, place, at)


def _change_tree(root: Node, what: str, place: str, at: int) -> str:
    if what in ("leaf-add", "group-add"):
        group = _find(root, place)
        if group is None or group["kind"] != "group" or place.count("-") > DEEPEST:
            return f"rule-{at}"
        inner = {"kind": "group", "mode": "any", "parts": [new_leaf()]}
        group["parts"].append(new_leaf() if what == "leaf-add" else inner)
        return f"r{at}-n{below(place, len(group['parts']) - 1)}"
    above, _, last = place.rpartition("-")
    parent = _find(root, above)
    if parent is None or not last.isdigit() or parent["kind"] != "group" or int(last) >= len(parent["parts"]):
        return f"rule-{at}"
    parts, target = _moved(parent["parts"], int(last), what.removeprefix("node-"))
    parent["parts"] = parts
    return f"r{at}-n{below(above, target)}" if parts else f"rule-{at}"


def _find(node: Node, place: str) -> Node | None:
    for step in place.split("-") if place else []:
        if node["kind"] != "group" or not step.isdigit() or int(step) >= len(node["parts"]):
            return None
        node = node["parts"][int(step)]
    return node


def _moved(things: list[Any], at: int, how: str) -> tuple[list[Any], int]:
    moved = things.copy()
    thing = moved.pop(at)
    if how == "remove":
        return moved, max(at - 1, 0)
    target = max(at - 1, 0) if how == "up" else min(at + 1, len(moved)) if how == "down" else at
    moved.insert(target, thing)
    return moved, target
