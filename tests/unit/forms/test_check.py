"""Whether a form is filled in completely: field by field, and only what is asked for."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.forms import (
    STANDARD_FIELDS,
    FormErrors,
    check,
    fed,
    is_link,
    merge,
    missing_for,
    narrowed,
    read_fields,
    weigh,
)
from portal.forms.fields import Feed

STANDARD = read_fields(STANDARD_FIELDS)
GOOD = {
    "title": "Payments for the shop",
    "purpose": "The shop takes payments for orders, and refunds those that come back.",
    "environment": "test",
    "audience": "internal",
    "auth_method": "api_key",
    "access_level": "read",
    "expected_volume": "10,000",
    "secrets": "In the vault of the team",
    "documentation_link": {"url": "https://docs.example.com/shop", "title": "Design"},
}


def one(**field):
    return read_fields([{"key": "it", "label": "It", **field}])


def error_of(fields, value):
    with pytest.raises(FormErrors) as caught:
        check(fields, {"it": value})
    return caught.value.errors["it"]


def test_a_complete_form_gives_answers_of_the_right_kind():
    answers = check(STANDARD, GOOD)

    assert answers["expected_volume"] == 10_000
    assert answers["documentation_link"]["title"] == "Design"
    assert "exposure" not in answers
    assert "encryption" not in answers


def test_C12_C56_each_missing_or_weak_field_is_named_in_the_order_of_the_form():
    with pytest.raises(FormErrors) as caught:
        check(STANDARD, {**GOOD, "title": "", "purpose": "To sell.", "expected_volume": "lots"})

    assert list(caught.value.errors) == ["title", "purpose", "expected_volume"]
    assert caught.value.errors["title"] == "Title is missing."
    assert "8 characters where 40 are needed" in caught.value.errors["purpose"]
    assert "enter a number" in caught.value.errors["expected_volume"]


def test_C19_a_file_or_a_link_is_needed_and_either_will_do():
    file = [{"id": 7, "name": "a.pdf"}]

    nothing = weigh(STANDARD, {**GOOD, "documentation_link": {"url": ""}}).errors
    only_file = weigh(STANDARD, {**GOOD, "documentation_link": "", "documentation_file": file})

    assert "“Documentation” or “Link to documentation”" in nothing["documentation_file"]
    assert not only_file.errors
    assert only_file.answers["documentation_file"] == file


def test_C20_a_conditional_field_is_checked_only_when_shown_and_a_stale_answer_is_not_stored():
    stale = {**GOOD, "encryption": "x" * 2000}

    assert "encryption" not in check(STANDARD, stale)
    assert "too long" in weigh(STANDARD, {**stale, "audience": "external"}).errors["encryption"]
    assert check(STANDARD, {**GOOD, "audience": "external", "encryption": "TLS"})["encryption"] == "TLS"


def test_a_chain_of_conditions_falls_with_its_first_link():
    fields = read_fields(
        [
            {"key": "a", "label": "A", "type": "yes_no"},
            {"key": "b", "label": "B", "type": "yes_no", "shown_if": {"field": "a", "is": ["yes"]}},
            {"key": "c", "label": "C", "required": True, "shown_if": {"field": "b", "is": ["yes"]}},
        ]
    )

    assert check(fields, {"a": "no", "b": "yes", "c": "stale"}) == {"a": False}
    assert weigh(fields, {"a": "yes", "b": "yes"}).errors == {"c": "C is missing."}


def test_a_condition_can_ask_for_the_environment_of_the_cart():
    fields = one(required=True, shown_if={"field": "environment", "is": ["prod"]})

    assert check(fields, {}, given={"environment": "test"}) == {}
    assert "it" in weigh(fields, {}, given={"environment": "prod"}).errors


def test_C18_C21_a_stage_names_what_it_still_needs_and_only_what_is_asked():
    inside, outside = check(STANDARD, GOOD), check(STANDARD, {**GOOD, "audience": "external", "exposure": "internal"})

    assert missing_for("security", STANDARD, inside) == ["Data exposure risk"]
    assert missing_for("security", STANDARD, outside) == ["Encryption", "Token handling", "Rate limits"]
    assert missing_for("legal", STANDARD, inside) == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ({}, "a\x00b", "cannot be shown"),
        ({"max_length": 5}, "abcdef", "6 characters where 5 fit"),
        ({"max_length": 100}, "a\nb", "line breaks"),
        ({}, 5, "cannot be read"),
        ({"type": "choice", "choices": ["x"]}, "y", "offered"),
        ({"type": "number"}, "ten", "enter a number"),
        ({"type": "number"}, "1e9", "enter a number"),
        ({"type": "number", "least": 1}, "0", "at least 1"),
        ({"type": "number", "most": 10}, "10.5", "at most 10"),
        ({"type": "date"}, "2026-02-30", "year-month-day"),
        ({"type": "date"}, "30.11.2026", "year-month-day"),
        ({"type": "date"}, "٢٠٢٦-٠١-٠١", "year-month-day"),
        ({"type": "link"}, "javascript:alert(1)", "must be an address"),
        ({"type": "link"}, "https://user:pw@example.com", "must be an address"),
        ({"type": "link"}, {"url": "", "title": "Design"}, "no address"),
        ({"type": "link"}, "https://e.example/" + "x" * 2000, "must be an address"),
        ({"type": "yes_no"}, "maybe", "yes or no"),
        ({"type": "yes_no", "required": True}, "", "choose an answer"),
        ({"type": "file", "required": True}, [], "add a file"),
        ({"type": "file"}, [{"id": n} for n in range(6)], "at most 5"),
    ],
)
def test_wrong_answers_are_told_in_words(field, value, words):
    assert words in error_of(one(**field), value)


@pytest.mark.parametrize("text", ["https://docs.example.com", "http://localhost:8080/a?b=c#d", "https://[::1]/x"])
def test_links_that_lead_somewhere(text):
    assert is_link(text)


@pytest.mark.parametrize(
    "text",
    ["", "ftp://x.example", "//x.example", "data:text/html,x", "https://", "http://[", "https://a b", "mailto:a@b"],
)
def test_links_that_do_not(text):
    assert not is_link(text)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "url", "title", "x"]), inner),
    max_leaves=4,
)
slowly = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
raw_answers = st.dictionaries(st.sampled_from([field.key for field in STANDARD]), anything)
partly_good = st.builds(
    lambda keys, bad: {**{k: GOOD[k] for k in keys}, **bad}, st.sets(st.sampled_from(list(GOOD))), raw_answers
)


@slowly
@given(raw_answers | partly_good)
def test_whatever_is_sent_is_answered_field_by_field(raw):
    found = weigh(STANDARD, raw)

    assert found.shown >= set(found.answers) | set(found.errors)
    assert not set(found.answers) & set(found.errors)
    for field in STANDARD:
        if field.required and field.key in found.shown:
            assert field.key in found.answers or found.errors[field.key]


@slowly
@given(partly_good, st.sampled_from(["internal", "external"]))
def test_accepted_answers_are_accepted_again_as_they_are(raw, audience):
    accepted = weigh(STANDARD, {**raw, "audience": audience}).answers

    again = weigh(STANDARD, accepted)

    assert again.answers == accepted


def field_named(key, **more):
    return read_fields([{"key": key, "label": key, **more}])


def test_forms_are_merged_by_key_and_the_stricter_wins():
    loose = field_named("purpose", min_length=5, max_length=500)
    strict = field_named("purpose", min_length=40, required=True, needed_by=["legal"])

    (merged,) = merge([loose, strict])

    assert (merged.required, merged.min_length, merged.max_length, merged.needed_by) == (True, 40, 500, ("legal",))


def test_choices_are_those_that_all_forms_offer():
    one_form = field_named("level", type="choice", choices=["read", "write"])
    other = field_named("level", type="choice", choices=["admin", "write"])

    assert merge([one_form, other])[0].values == ("write",)


def test_what_cannot_be_reconciled_is_asked_twice_and_conditions_follow():
    one_form = field_named("data", type="text")
    other = read_fields(
        [
            {"key": "data", "label": "Data", "type": "yes_no"},
            {"key": "more", "label": "More", "shown_if": {"field": "data", "is": ["yes"]}},
        ]
    )

    merged = merge([one_form, other])

    assert [field.key for field in merged] == ["data", "data_2", "more"]
    assert merged[2].shown_if.field == "data_2"


def test_a_field_is_always_shown_when_one_form_says_so():
    hidden = field_named("why", shown_if={"field": "environment", "is": ["prod"]})

    assert merge([hidden, field_named("why")])[0].shown_if is None
    assert merge([hidden, hidden])[0].shown_if is not None


def test_C15_C17_only_what_the_products_offer_can_be_chosen():
    fields = narrowed(STANDARD, {Feed.AUTH_METHOD: {"api_key"}, Feed.ENVIRONMENT: {"dev", "test"}})

    assert next(f for f in fields if f.key == "auth_method").values == ("api_key",)
    assert next(f for f in fields if f.key == "environment").values == ("dev", "test")


def test_a_form_with_words_of_its_own_for_methods_can_still_be_answered():
    own = one(type="choice", choices=["key", "token"], feeds="auth_method")

    assert narrowed(own, {Feed.AUTH_METHOD: {"api_key"}}) == own


def test_policies_learn_what_was_answered_and_nothing_of_what_is_in_dispute():
    answers = check(STANDARD, GOOD)
    twice = read_fields(
        [
            {"key": "a", "label": "A", "type": "choice", "choices": ["low", "high"], "feeds": "exposure"},
        ]
    ) + read_fields([{"key": "b", "label": "B", "type": "choice", "choices": ["low", "high"], "feeds": "exposure"}])

    assert fed(STANDARD, answers) == {
        "environment": "test",
        "audience": "internal",
        "auth_method": "api_key",
        "access_level": "read",
        "expected_volume": 10_000,
    }
    assert fed(twice, {"a": "low", "b": "high"}) == {}
    assert fed(twice, {"a": "low", "b": "low"}) == {"exposure": "low"}
