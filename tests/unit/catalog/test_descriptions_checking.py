from __future__ import annotations

import gc
import weakref

import pytest

from portal.catalog import descriptions
from portal.catalog.descriptions import checking
from tests.unit.catalog.documents import operation, reading, sample, words_of


@pytest.mark.parametrize("name", ["orders-2.0.yaml", "weather-3.0.yaml", "lending-3.1.json"])
def test_descriptions_that_keep_the_rules_have_no_faults(name):
    assert descriptions.check(descriptions.read(sample(name))) == []


def test_each_fault_has_its_place():
    found = reading(
        paths={
            "/a/{id}": {"get": operation(parameters=[{"name": "q", "in": "nowhere", "schema": {"type": "string"}}])}
        },
        components={"schemas": {"A": {"type": "strin"}, "B": {"type": "string", "default": 5}}},
    )

    told = words_of(descriptions.check(found))

    assert "paths › /a/{id} › get › parameters › 0" in told
    assert "components › schemas › A › type: 'strin' is not one of" in told
    assert "components › schemas › B: 5 is not of type 'string'" in told
    assert "Path parameter 'id'" in told


def test_what_cannot_be_resolved_does_not_end_the_check():
    found = reading(
        components={"schemas": {"A": {"$ref": "#/components/schemas/None"}, "Z": {"type": "string", "default": 5}}}
    )

    told = words_of(descriptions.check(found))

    assert "cannot be resolved" in told
    assert "components › schemas › Z: 5 is not of type 'string'" in told


def test_references_outside_are_one_note():
    schemas = {f"S{index}": {"$ref": f"other.yaml#/{index}"} for index in range(50)}

    (fault,) = descriptions.check(reading(components={"schemas": schemas}))

    assert fault.severity == "note"
    assert "outside this file" in fault.message


def test_faults_are_no_more_than_anybody_reads():
    schemas = {f"S{index}": {"type": "strin"} for index in range(500)}

    assert len(descriptions.check(reading(components={"schemas": schemas}))) == 100


def test_messages_are_short_however_large_the_value():
    schemas = {"A": {"properties": {"a": {"type": "strin", "description": "x" * 100_000, "x-more": ["y"] * 10_000}}}}

    assert all(len(str(fault)) < 900 for fault in descriptions.check(reading(components={"schemas": schemas})))


@pytest.mark.parametrize(
    "schemas",
    [
        {"A": {"$ref": "#/components/schemas/A"}},
        {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}},
        {
            "A": {"allOf": [{"$ref": "#/components/schemas/B"}], "default": {}},
            "B": {"allOf": [{"$ref": "#/components/schemas/A"}]},
        },
        {f"S{index}": {"$ref": f"#/components/schemas/S{index + 1}"} for index in range(5_000)},
    ],
)
def test_circles_end(schemas):
    assert descriptions.check(reading(components={"schemas": schemas})) is not None


def test_an_error_inside_the_library_is_a_note(monkeypatch):
    def burst(*_):
        raise RuntimeError("inside")

    monkeypatch.setattr(checking, "collect", burst)

    assert "could not be checked" in words_of(descriptions.check(reading()))


def test_a_checked_document_is_not_kept_in_memory(monkeypatch):
    kept = []
    shown = checking.shown

    def watched(tree, known):
        copy = shown(tree, known)
        if isinstance(copy, checking.ShownMapping):
            kept.append(weakref.ref(copy))
        return copy

    monkeypatch.setattr(checking, "shown", watched)
    descriptions.check(reading())
    gc.collect()

    assert kept
    assert kept[-1]() is None
