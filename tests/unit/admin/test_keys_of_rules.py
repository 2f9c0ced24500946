"""The short names that the editor gives to rules which have none."""

from admin.policy_editor import new_card, rules_of
from portal.policies.stages import KEY


def test_each_rule_gets_a_name_of_its_own_whatever_names_there_are():
    because = "Because it is so, and has to be so for ever"
    cards = [{**new_card(), "because": because} for _ in range(300)]
    taken = "because-it-is-so-and-has-to-be-s"
    cards[1] |= {"key": f"{taken}-1"}
    cards[2] |= {"key": f"{taken}-1x"}
    cards[3] |= {"key": f"{taken}-1x-1"}

    keys = [rule["key"] for rule in rules_of(cards, {})["rules"]]

    assert keys[0] == taken
    assert len(set(keys)) == len(keys)
    assert all(KEY.fullmatch(key) for key in keys)
