"""Definitions of forms: what can be asked, and what is refused because nobody could fill it in."""

import pytest

from portal.forms import STANDARD_FIELDS, BadFields, Feed, FieldType, key_from, read_fields


def refused(*fields):
    with pytest.raises(BadFields) as caught:
        read_fields(fields)
    return caught.value.errors


def choice(**more):
    return {"key": "audience", "label": "Audience", "type": "choice", "choices": ["internal", "external"], **more}


def test_the_standard_form_can_be_asked_and_asks_what_reviewers_need():
    fields = {field.key: field for field in read_fields(STANDARD_FIELDS)}

    assert fields["title"].required
    assert fields["purpose"].min_length == 40
    assert fields["exposure"].needed_by == ("security",)
    assert {field.feeds for field in fields.values() if field.feeds} >= {
        Feed.ENVIRONMENT,
        Feed.AUDIENCE,
        Feed.EXPOSURE,
        Feed.ACCESS_LEVEL,
        Feed.EXPECTED_VOLUME,
        Feed.AUTH_METHOD,
    }
    assert fields["documentation_file"].one_of == fields["documentation_link"].one_of
    for key in ("encryption", "token_handling", "rate_limits"):
        assert fields[key].shown_if.field == "audience"
        assert fields[key].needed_by == ("security",)
    for key in ("secret_readers", "secret_rotation", "call_origin"):
        assert fields[key].shown_if.answers == ("prod",)
        assert fields[key].needed_by == ("security",)
        assert fields[key].again


def test_C61_the_security_questions_stand_together_and_what_is_of_one_request_is_not_used_again():
    fields = read_fields(STANDARD_FIELDS)
    places = [place for place, field in enumerate(fields) if field.needed_by == ("security",)]

    assert places == list(range(places[0], places[0] + 7))
    assert [field.key for field in fields if field.again and field.feeds] == []


def test_what_was_read_is_stored_and_read_again():
    fields = read_fields(STANDARD_FIELDS)

    assert read_fields([field.stored() for field in fields]) == fields


def test_a_key_is_made_from_the_label_and_from_no_other_field():
    first, second = read_fields([{"label": "What for?"}, {"label": "What for?"}])

    assert (first.key, second.key) == ("what_for", "what_for_2")


@pytest.mark.parametrize(
    ("label", "key"),
    [("Données à caractère", "donnees_a_caractere"), ("2nd line", "field_2nd_line"), ("目的", "field")],
)
def test_keys_are_plain_whatever_the_label(label, key):
    assert key_from(label) == key


@pytest.mark.parametrize(
    ("field", "attribute", "words"),
    [
        ({"label": ""}, "label", "Say what is asked"),
        ({"label": "x" * 201}, "label", "too long"),
        ({"label": "a\nb"}, "label", "line breaks"),
        ({"label": "a\u202eb"}, "label", "cannot be shown"),
        ({"label": "A", "type": "colour"}, "type", "kinds"),
        ({"label": "A", "key": "No Key"}, "key", "small letters"),
        ({"label": "A", "min_length": "many"}, "min_length", "whole number"),
        ({"label": "A", "min_length": 10, "max_length": 5}, "max_length", "smaller than the smallest"),
        ({"label": "A", "max_length": 10**9}, "max_length", "4,000"),
        ({"label": "A", "type": "number", "least": 5, "most": 1}, "most", "smaller than the smallest"),
        ({"label": "A", "type": "choice"}, "choices", "at least one"),
        ({"label": "A", "type": "choice", "choices": ["x", "x"]}, "choices", "twice"),
        ({"label": "A", "type": "choice", "choices": [str(n) for n in range(51)]}, "choices", "at most 50"),
        ({"label": "A", "feeds": "mood"}, "feeds", "attributes"),
        ({"label": "A", "feeds": "exposure"}, "feeds", "Choice"),
        ({"label": "A", "needed_by": ["Security!"]}, "needed_by", "by its key"),
        ({"label": "A", "one_of": "B C"}, "one_of", "small letters"),
        ({"label": "A", "shown_if": {"field": "later", "is": ["x"]}}, "shown_if", "above"),
        ({"label": "A", "shown_if": {"field": "environment"}}, "shown_if", "for which answers"),
    ],
)
def test_what_nobody_could_fill_in_is_refused_at_its_place(field, attribute, words):
    assert words in refused(field)[(0, attribute)]


def test_a_condition_asks_a_choice_above_for_answers_that_it_has():
    text, late = (
        {"key": "name", "label": "Name"},
        {"label": "More", "shown_if": {"field": "audience", "is": ["external"]}},
    )

    assert read_fields([choice(), late])[1].shown_if.answers == ("external",)
    assert "above" in refused(late, choice())[(0, "shown_if")]
    assert (
        "internal, external"
        in refused(choice(), late | {"shown_if": {"field": "audience", "is": ["both"]}})[(1, "shown_if")]
    )
    assert (
        "choice or a yes or no"
        in refused(text, {"label": "B", "shown_if": {"field": "name", "is": ["x"]}})[(1, "shown_if")]
    )


def test_each_attribute_is_fed_by_one_field():
    assert "already" in refused(choice(feeds="audience"), choice(key="other", feeds="audience"))[(1, "feeds")]


def test_every_fault_is_told_at_once():
    assert set(refused({"label": ""}, {"label": "A", "type": "choice"}, {"label": "B", "key": "-"})) == {
        (0, "label"),
        (1, "choices"),
        (2, "key"),
    }


def test_a_form_has_an_end():
    assert "at most 60" in " ".join(refused(*({"label": f"F{n}"} for n in range(61))).values())


def test_attributes_of_other_kinds_are_left_out():
    (field,) = read_fields([{"label": "A", "type": "date", "choices": ["x"], "min_length": 3, "least": 1}])

    assert (field.type, field.choices, field.min_length, field.least) == (FieldType.DATE, (), None, None)
