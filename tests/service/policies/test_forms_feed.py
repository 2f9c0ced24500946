"""What request forms tell policies is what policies can compare: another value would count as not known."""

import pytest

from portal.forms import STANDARD_FIELDS, Feed
from portal.policies import REGISTRY


@pytest.mark.parametrize("field", [f for f in STANDARD_FIELDS if f.get("feeds")], ids=lambda f: f["feeds"])
def test_every_choice_of_the_standard_form_is_a_value_of_its_attribute(field):
    values = {choice["value"] for choice in field.get("choices", [])}

    assert values <= set(REGISTRY[field["feeds"]].values)


def test_every_feed_is_an_attribute():
    assert {feed.value for feed in Feed} <= set(REGISTRY)
