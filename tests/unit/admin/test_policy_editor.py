"""The editor of policies: what goes onto the page comes back the same, and each press does what it says."""

import pytest
from werkzeug.datastructures import MultiDict

from admin import policy_editor as editor
from admin.policy_presses import arranged
from portal.policies import REGISTRY, Kind, Policy, shipped_policies


def sent_from(cards, steps=None):
    """The form that a page with these cards sends."""
    sent: MultiDict[str, str] = MultiDict()
    for number, card in enumerate(cards):
        sent.add("rule", str(number))
        at = f"r{number}-"
        sent.update({f"{at}key": card["key"], f"{at}because": card["because"], f"{at}outcome": card["outcome"]})
        sent.setlist(f"{at}stage", card["stages"])
        sent[f"{at}mode"] = card["when"]["mode"]
        for place, node in placed(card["when"]):
            sent.add(f"{at}node", place)
            inner = f"{at}n{place}-"
            sent[f"{inner}kind"] = node["kind"]
            if node["kind"] == "group":
                sent[f"{inner}mode"] = node["mode"]
            else:
                send_leaf(sent, inner, node)
    sent.update({f"step-{key}": str(step) for key, step in (steps or {}).items()})
    return sent


def placed(node, place=""):
    for number, part in enumerate(node.get("parts", [])):
        inner = f"{place}-{number}" if place else str(number)
        yield inner, part
        yield from placed(part, inner)


def send_leaf(sent, at, leaf):
    sent.update({f"{at}attribute": leaf["attribute"], f"{at}was": leaf["attribute"], f"{at}is": leaf["is"]})
    match REGISTRY[leaf["attribute"]].kind:
        case Kind.CHOICE:
            sent.setlist(f"{at}value", leaf["values"])
        case Kind.TEXT | Kind.TEXT_SET | Kind.NETWORK:
            sent[f"{at}text"] = "\r\n".join(leaf["values"])
        case Kind.MOMENT:
            sent.update({f"{at}from": leaf["from"], f"{at}until": leaf["until"]})
            sent.setlist(f"{at}day", leaf["days"])
        case Kind.NUMBER:
            sent[f"{at}number"] = leaf["values"][0] if leaf["values"] else ""


def around(rules):
    """Rules onto the page, and back from what the page sends."""
    cards = editor.cards_of(rules)
    typed = editor.typed_cards(sent_from(cards))
    assert typed == cards
    return editor.rules_of(typed, editor.steps_of(rules))


@pytest.mark.parametrize("key", list(shipped_policies()))
def test_every_shipped_policy_survives_the_page(key):
    rules = shipped_policies()[key].rules_json

    assert Policy.from_json(around(rules)) == Policy.from_json(rules)


LEAVES = [
    {"attribute": "environment", "is": "equals", "value": "prod"},
    {"attribute": "environment", "is": "one_of", "value": ["dev", "test"]},
    {"attribute": "exposure", "is": "none_of", "value": ["not_asked", "none"]},
    {"attribute": "exposure", "is": "is_asked"},
    {"attribute": "organisation.name", "is": "not_equals", "value": "Acme, Inc."},
    {"attribute": "time.hour", "is": "at_least", "value": 18},
    {"attribute": "plan.quota", "is": "at_most", "value": 0.5},
    {"attribute": "plan.auto_approve", "is": "is_false"},
    {"attribute": "scopes", "is": "contains", "value": "pii:read"},
    {"attribute": "scopes", "is": "contains_any", "value": ["a", "b"]},
    {"attribute": "product.tags", "is": "only_of", "value": ["open"]},
    {"attribute": "network.address", "is": "in_network", "value": ["192.0.2.0/24"]},
    {"attribute": "time.local", "is": "within_hours", "value": {"from": "22:00", "until": "06:00", "days": ["sat"]}},
]


def rule(when):
    return {"key": "a", "because": "B.", "when": when, "then": {"outcome": "stages", "stages": ["security"]}}


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: f"{leaf['attribute']} {leaf['is']}")
@pytest.mark.parametrize(
    "wrap",
    [
        lambda leaf: leaf,
        lambda leaf: {"not": leaf},
        lambda leaf: {"any": [leaf, {"all": [leaf, {"not": {"any": [leaf, leaf]}}]}]},
        lambda leaf: {"not": {"all": [leaf, {"not": {"not": leaf}}]}},
    ],
    ids=["plain", "not", "nested", "not all"],
)
def test_every_kind_of_condition_survives_the_page(leaf, wrap):
    rules = {"rules": [rule(wrap(leaf))], "order": [["security"]]}
    assert not Policy.from_json(rules).faults

    assert around(rules) == rules


def test_a_condition_that_cannot_be_read_is_shown_and_stays_a_mistake():
    rules = {"rules": [rule({"attribute": "moon", "is": "equals", "value": "full"})], "order": []}

    back = editor.rules_of(editor.cards_of(rules), {})

    assert Policy.from_json(back).faults


def test_another_attribute_gets_a_comparison_that_it_has_and_no_value_of_the_former():
    card = editor.new_card()
    sent = sent_from([card])
    sent["r0-n0-attribute"] = "time.hour"

    [typed] = editor.typed_cards(sent)

    assert typed["when"]["parts"][0] | {"days": []} == {
        "kind": "leaf",
        "attribute": "time.hour",
        "is": "at_least",
        "values": [],
        "from": "08:00",
        "until": "18:00",
        "days": [],
    }


def test_rules_are_added_moved_and_removed():
    cards = [{**editor.new_card(), "key": key} for key in "abc"]

    added, focus = arranged(cards, "rule-add")
    assert ([c["key"] for c in added], focus) == (["a", "b", "c", ""], "rule-3")
    assert [c["key"] for c in arranged(cards, "rule-up:2")[0]] == ["a", "c", "b"]
    assert [c["key"] for c in arranged(cards, "rule-down:0")[0]] == ["b", "a", "c"]
    assert [c["key"] for c in arranged(cards, "rule-remove:1")[0]] == ["a", "c"]


def test_conditions_and_groups_are_added_moved_and_removed_at_any_depth():
    cards, focus = arranged([editor.new_card()], "group-add:0:")
    assert focus == "r0-n1"
    cards, focus = arranged(cards, "leaf-add:0:1")
    assert focus == "r0-n1-1"
    cards, focus = arranged(cards, "node-up:0:1")
    assert (focus, [p["kind"] for p in cards[0]["when"]["parts"]]) == ("r0-n0", ["group", "leaf"])
    cards, _ = arranged(cards, "node-remove:0:0-1")
    assert [p["kind"] for p in cards[0]["when"]["parts"][0]["parts"]] == ["leaf"]


@pytest.mark.parametrize(
    "deed",
    [
        "",
        "rule-up",
        "rule-up:9",
        "node-remove:0:7-7",
        "node-up:0:",
        "leaf-add:0:0",
        "leaf-add:0:x",
        "what:0:0",
        "rule-up:²",
    ],
)
def test_a_press_that_makes_no_sense_changes_nothing(deed):
    cards = [editor.new_card()]

    assert arranged(cards, deed)[0] == [editor.new_card()]


def test_a_rule_without_a_name_gets_one_from_its_sentence_that_no_other_has():
    cards = [{**editor.new_card(), "because": "Security looks."} for _ in range(3)]

    keys = [r["key"] for r in editor.rules_of(cards, {})["rules"]]

    assert keys[0] == "security-looks"
    assert len(set(keys)) == 3


def test_stages_with_the_same_number_stand_side_by_side():
    assert editor.order_of({"legal": 5, "owner": 1, "security": 5}) == [["owner"], ["legal", "security"]]
