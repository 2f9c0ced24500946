"""What every list reads from its URL, in one place."""

import pytest
from werkzeug.exceptions import NotFound

from portal.web import chosen, key_in_url, name_and_key_in_url, page_of, searched


@pytest.fixture
def at(app):
    """Inside a request for this query string."""
    return lambda query: app.test_request_context(f"/?{query}")


@pytest.mark.parametrize(("typed", "read"), [("q=%20gold%20", "gold"), ("", ""), ("q=" + "x" * 500, "x" * 200)])
def test_a_search_is_trimmed_and_bounded(at, typed, read):
    with at(typed):
        assert searched() == read


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "x", "9" * 19, "９"])
def test_what_is_no_key_begins_at_the_first_page(at, text):
    with at(f"after={text}&after_name=Gold"):
        assert key_in_url("after") is None
        assert name_and_key_in_url("after") is None


def test_a_page_begins_after_the_key_and_the_name_of_the_last_row(at):
    with at("after=12&after_name=Gold"):
        assert key_in_url("after") == 12
        assert name_and_key_in_url("after") == ("Gold", 12)


def test_a_filter_is_one_of_those_that_there_are(at):
    with at("state=dead"):
        assert chosen("state", {"dead", "done"}) == "dead"
    with at(""):
        assert chosen("state", {"dead"}, default="all") == "all"
    for wrong in ("state=DEAD", "state=dead%20"):
        with at(wrong), pytest.raises(NotFound):
            chosen("state", {"dead"})


def test_a_page_knows_whether_there_are_more():
    assert page_of(iter("abc"), 2) == (["a", "b"], True)
    assert page_of("ab", 2) == (["a", "b"], False)
