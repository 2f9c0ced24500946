"""The editor of a policy: from rules to cards with fields, from fields back to rules, and pressing its buttons.

The page holds everything, so that rows can be added, moved and taken away without JavaScript and nothing is lost: each
press sends the whole form and gets it back. A condition is a tree of groups ("all of these hold") and comparisons; each
knows its place by numbers ("1-0": the first part of the second one).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain, count
from typing import Any

from werkzeug.datastructures import MultiDict

from portal.policies import NOT_ASKED, REGISTRY, WEEKDAYS, Attribute, Kind, StageTemplate

Card = dict[str, Any]
Node = dict[str, Any]
MOST_CARDS, MOST_NODES, DEEPEST = 300, 200, 6
MODES = {
    "all": "all of these hold",
    "any": "at least one of these holds",
    "none": "none of these holds",
    "not_all": "not all of these hold",
}
_IS = (("is", "is"), ("is_not", "is not"))
_OPERATORS: dict[Kind, tuple[tuple[str, str], ...]] = {
    Kind.TEXT: _IS,
    Kind.CHOICE: _IS,
    Kind.NUMBER: (
        ("at_least", "is at least"),
        ("at_most", "is at most"),
        ("equals", "is exactly"),
        ("not_equals", "is not"),
    ),
    Kind.YES_NO: (("is_true", "yes"), ("is_false", "no")),
    Kind.TEXT_SET: (("contains_any", "contain at least one of"), ("only_of", "contain nothing but")),
    Kind.MOMENT: (("within_hours", "is within"),),
    Kind.NETWORK: (("in_network", "is in one of"),),
}
_IS_ASKED = ("is_asked", "is asked by the form")
_LISTED = {Kind.TEXT, Kind.TEXT_SET, Kind.NETWORK}
# What the file says of a comparison, and what the page calls it; one value and several are one word on the page.
_SHOWN = {"equals": "is", "one_of": "is", "not_equals": "is_not", "none_of": "is_not", "contains": "contains_any"}
_ONE_OR_MANY = {
    "is": ("equals", "one_of"),
    "is_not": ("not_equals", "none_of"),
    "contains_any": ("contains", "contains_any"),
    "only_of": ("", "only_of"),
    "in_network": ("", "in_network"),
}


def operators_shown(attribute: Attribute | None) -> tuple[tuple[str, str], ...]:
    """The comparisons that the page offers for an attribute, with their words."""
    if attribute is None:
        return _IS
    return (*_OPERATORS[attribute.kind], *((_IS_ASKED,) if attribute.may_be_unasked else ()))


def values_shown(attribute: Attribute) -> list[tuple[str, str]]:
    """The values of a choice with their words."""
    unasked = [(NOT_ASKED, "not asked by the form")] if attribute.may_be_unasked else []
    return [*((value, attribute.word_for(value)) for value in attribute.values), *unasked]


# --- from rules to cards ---------------------------------------------------------------------------------------------


def cards_of(rules: Mapping[str, Any]) -> list[Card]:
    """The cards of stored rules."""
    listed = rules.get("rules")
    return [_card(rule) for rule in listed if isinstance(rule, dict)] if isinstance(listed, list) else []


def _card(rule: Mapping[str, Any]) -> Card:
    then = rule.get("then") if isinstance(rule.get("then"), dict) else {}
    root = _node(rule.get("when", {"all": []}))
    if root["kind"] == "leaf":
        root = {"kind": "group", "mode": "all", "parts": [root]}
    stages = then.get("stages", []) if isinstance(then, dict) else []
    return {
        "key": str(rule.get("key", "")),
        "because": str(rule.get("because", "")),
        "outcome": str(then.get("outcome", "stages")) if isinstance(then, dict) else "stages",
        "stages": [str(stage) for stage in stages] if isinstance(stages, list) else [],
        "when": root,
    }


def _node(raw: Any) -> Node:
    match raw:
        case {"all": list(parts)}:
            return {"kind": "group", "mode": "all", "parts": [_node(part) for part in parts]}
        case {"any": list(parts)}:
            return {"kind": "group", "mode": "any", "parts": [_node(part) for part in parts]}
        case {"not": {"any": list(parts)}}:
            return {"kind": "group", "mode": "none", "parts": [_node(part) for part in parts]}
        case {"not": {"all": list(parts)}}:
            return {"kind": "group", "mode": "not_all", "parts": [_node(part) for part in parts]}
        case {"not": part}:
            return {"kind": "group", "mode": "none", "parts": [_node(part)]}
    return _leaf(raw if isinstance(raw, dict) else {})


def _leaf(raw: Mapping[str, Any]) -> Node:
    said, value = str(raw.get("is", "")), raw.get("value")
    hours = value if isinstance(value, dict) else {}
    values = [str(each) for each in value] if isinstance(value, list) else [] if value is None else [str(value)]
    days = hours.get("days", list(WEEKDAYS))
    return _fitting(
        {
            "kind": "leaf",
            "attribute": str(raw.get("attribute", "")),
            "is": _SHOWN.get(said, said) if _may_be_many(raw) else said,
            "values": [] if hours else values,
            "from": str(hours.get("from", "08:00")),
            "until": str(hours.get("until", "18:00")),
            "days": [str(day) for day in days] if isinstance(days, list) else list(WEEKDAYS),
        }
    )


def _may_be_many(raw: Mapping[str, Any]) -> bool:
    attribute = REGISTRY.get(str(raw.get("attribute", "")))
    return attribute is None or attribute.kind is not Kind.NUMBER


def _fitting(leaf: Node) -> Node:
    """The comparison with an operator that its attribute has."""
    offered = [name for name, _ in operators_shown(REGISTRY.get(leaf["attribute"]))]
    return leaf if leaf["is"] in offered else {**leaf, "is": offered[0]}


def new_leaf() -> Node:
    """A comparison to begin with."""
    return _leaf({"attribute": "environment", "is": "one_of", "value": ["prod"]})


def new_card() -> Card:
    """A rule to begin with."""
    when = {"kind": "group", "mode": "all", "parts": [new_leaf()]}
    return {"key": "", "because": "", "outcome": "stages", "stages": [], "when": when}


# --- from cards to rules ---------------------------------------------------------------------------------------------


def rules_of(
    cards: Sequence[Card], steps: Mapping[str, int], places: dict[str, tuple[int, str]] | None = None
) -> dict[str, Any]:
    """The rules that the cards describe; ``places`` learns which part of the page each part of them came from."""
    known = places if places is not None else {}
    taken: set[str] = {card["key"].strip() for card in cards if card["key"].strip()}
    rules = []
    for number, card in enumerate(cards):
        then: dict[str, Any] = {"outcome": card["outcome"]}
        if card["outcome"] == "stages":
            then["stages"] = list(card["stages"])
        path = f"rules[{number}].when"
        key = card["key"].strip() or _key_from(card["because"], taken, number)
        taken.add(key)
        parts = card["when"]["parts"]
        if card["when"]["mode"] == "all" and len(parts) == 1:  # a group of one says nothing that its part does not
            known[path] = (number, "")
            when = _written(parts[0], path, (number, "0"), known)
        else:
            when = _written(card["when"], path, (number, ""), known)
        rules.append({"key": key, "because": card["because"].strip(), "when": when, "then": then})
    return {"rules": rules, "order": order_of(steps)}


def _written(node: Node, path: str, place: tuple[int, str], places: dict[str, tuple[int, str]]) -> Any:
    places[path] = place
    if node["kind"] == "leaf":
        return _written_leaf(node)
    mode, parts = node["mode"], node["parts"]
    if mode == "none" and len(parts) == 1:
        return {"not": _written(parts[0], f"{path}.not", (place[0], below(place[1], 0)), places)}
    word = {"all": "all", "any": "any", "none": "any", "not_all": "all"}[mode]
    inner = path if mode in ("all", "any") else f"{path}.not"
    places[inner] = place
    told = {
        word: [
            _written(part, f"{inner}.{word}[{number}]", (place[0], below(place[1], number)), places)
            for number, part in enumerate(parts)
        ]
    }
    return told if mode in ("all", "any") else {"not": told}


def below(place: str, number: int) -> str:
    """The place of a part of a group."""
    return f"{place}-{number}" if place else str(number)


def _written_leaf(leaf: Node) -> dict[str, Any]:
    attribute, said = REGISTRY.get(leaf["attribute"]), leaf["is"]
    written: dict[str, Any] = {"attribute": leaf["attribute"], "is": said}
    if said in ("is_true", "is_false", "is_asked"):
        return written
    if said == "within_hours":
        return {**written, "value": {"from": leaf["from"], "until": leaf["until"], "days": list(leaf["days"])}}
    values = list(leaf["values"])
    if attribute is not None and attribute.kind is Kind.NUMBER:
        return {**written, "value": _number(values[0]) if values else ""}
    one, many = _ONE_OR_MANY.get(said, ("", said))
    if one and len(values) == 1:
        return {**written, "is": one, "value": values[0]}
    return {**written, "is": many, "value": values}


def _number(text: str) -> int | float | str:
    """The number that was typed; what is none stays text, and is told of as that."""
    plain = re.sub(r"(?<=\d)[, _'](?=\d{3}(?!\d))", "", text.strip())
    if re.fullmatch(r"-?\d{1,16}", plain):
        return int(plain)
    return float(plain) if re.fullmatch(r"-?\d{1,16}\.\d{1,6}", plain) else text


def _key_from(because: str, taken: set[str], number: int) -> str:
    """A short name made of the sentence, that no other rule has."""
    plain = "-".join(re.findall(r"[a-z0-9]+", because.lower()))[:32].strip("-") or f"rule-{number + 1}"
    others = (f"{plain}-{nth}" for nth in count(number + 1))
    return next(key for key in chain([plain], others) if key not in taken)


def steps_of(rules: Mapping[str, Any]) -> dict[str, int]:
    """The number of the step that stored rules give to stages."""
    order = rules.get("order")
    listed = order if isinstance(order, list) else []
    return {str(key): place for place, step in enumerate(listed, 1) if isinstance(step, list) for key in step}


def order_of(steps: Mapping[str, int]) -> list[list[str]]:
    """The order of stages, those with the same number side by side."""
    return [[key for key, place in steps.items() if place == at] for at in sorted(set(steps.values()))]


# --- what was typed --------------------------------------------------------------------------------------------------


def typed_cards(sent: MultiDict[str, str]) -> list[Card]:
    """The cards as they stand on the page, in their order."""
    numbers = list(dict.fromkeys(n for n in sent.getlist("rule") if n.isascii() and n.isdigit()))
    return [_typed_card(sent, f"r{number}-") for number in numbers[: MOST_CARDS + 1]]


def typed_steps(sent: MultiDict[str, str], templates: Mapping[str, StageTemplate]) -> dict[str, int]:
    """The steps as they were typed; a stage without a number keeps its own place."""
    found = {key: sent.get(f"step-{key}", "").strip() for key in templates}
    return {key: int(text) for key, text in found.items() if re.fullmatch(r"[0-9]{1,2}", text) and int(text)}


def _typed_card(sent: MultiDict[str, str], prefix: str) -> Card:
    nodes: dict[str, Node] = {
        "": {"kind": "group", "mode": _mode(sent.get(f"{prefix}mode", "all")), "parts": []},
    }
    for place in list(dict.fromkeys(sent.getlist(f"{prefix}node")))[:MOST_NODES]:
        parent = nodes.get(place.rpartition("-")[0])
        if parent is None or parent["kind"] != "group" or place in nodes:
            continue
        nodes[place] = _typed_node(sent, f"{prefix}n{place}-")
        parent["parts"].append(nodes[place])
    outcome = sent.get(f"{prefix}outcome", "stages")
    return {
        "key": sent.get(f"{prefix}key", ""),
        "because": sent.get(f"{prefix}because", ""),
        "outcome": outcome if outcome in ("stages", "deny", "auto") else "stages",
        "stages": list(dict.fromkeys(sent.getlist(f"{prefix}stage"))),
        "when": nodes[""],
    }


def _typed_node(sent: MultiDict[str, str], prefix: str) -> Node:
    if sent.get(f"{prefix}kind") == "group":
        return {"kind": "group", "mode": _mode(sent.get(f"{prefix}mode", "all")), "parts": []}
    name = sent.get(f"{prefix}attribute", "")
    attribute = REGISTRY.get(name)
    is_new = name != sent.get(f"{prefix}was", name)
    if attribute is not None and attribute.kind in _LISTED:
        lines = [line.strip() for line in sent.get(f"{prefix}text", "").splitlines()]
        values = [line for line in lines if line]
    elif attribute is not None and attribute.kind is Kind.CHOICE:
        offered = {value for value, _ in values_shown(attribute)}
        values = [value for value in sent.getlist(f"{prefix}value") if value in offered]
    else:
        values = [text] if (text := sent.get(f"{prefix}number", "").strip()) else []
    return _fitting(
        {
            "kind": "leaf",
            "attribute": name,
            "is": sent.get(f"{prefix}is", ""),
            "values": [] if is_new and attribute is not None and attribute.kind in _LISTED else values,
            "from": sent.get(f"{prefix}from", "08:00").strip(),
            "until": sent.get(f"{prefix}until", "18:00").strip(),
            "days": sent.getlist(f"{prefix}day") or ([] if f"{prefix}from" in sent else list(WEEKDAYS)),
        }
    )


def _mode(text: str) -> str:
    return text if text in MODES else "all"
