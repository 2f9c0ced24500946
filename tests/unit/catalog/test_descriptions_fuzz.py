"""Whatever stands in a file: it is read, or refused in words."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from portal.catalog import descriptions
from tests.unit.catalog.documents import document, operation, sample

WORDS = """
    openapi swagger info title version paths /a get post parameters name in schema $ref type items allOf properties
    responses 200 default description content security components schemas securitySchemes flows scopes servers url
    variables tags enum required x-y
"""
KEYS = some.sampled_from(WORDS.split())
LEAVES = (
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats()
    | some.text(max_size=8)
    | some.sampled_from(
        ["3.0.0", "3.1.0", "2.0", "#/paths/~1a", "#", "#/components/schemas/A", "x.yaml", "query", "oauth2"]
    )
)
TREES = some.recursive(
    LEAVES,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(KEYS | some.text(max_size=4), inner, max_size=5),
    max_leaves=25,
)
QUIETLY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def is_read_or_refused(raw: bytes) -> bool:
    """Whether it is refused in a short sentence, or read so that all that is shown and stored can be made of it."""
    try:
        found = descriptions.read(raw)
    except descriptions.Refused as refused:
        return 0 < len(str(refused)) < 400
    faults = descriptions.check(found)
    shown = json.loads(found.to_json())
    stored = json.loads(json.dumps([one.as_dict() for one in found.operations]).encode())
    words = descriptions.searchable_text(found).encode() + descriptions.slug_of(found.title).encode()
    return (
        isinstance(shown, dict)
        and len(stored) == len(found.operations)
        and all(str(fault).strip() for fault in faults)
        and b"\0" not in words
    )


@QUIETLY
@given(TREES)
def test_any_tree_is_read_or_refused(tree):
    assert is_read_or_refused(json.dumps(tree).encode())


@QUIETLY
@given(TREES, TREES, TREES, some.sampled_from(["3.0.3", "3.1.0", "3.2.0"]))
def test_any_tree_inside_a_description_is_read_or_refused(top, item, schema, version):
    parts = top if isinstance(top, dict) else {"servers": top}
    whole = document(**{**parts, "openapi": version, "paths": {"/a": {"get": operation(parameters=[item]), "x": item}}})
    whole["components"] = {"schemas": {"A": schema}, "securitySchemes": {"A": item}}
    assert is_read_or_refused(json.dumps(whole).encode())


@QUIETLY
@given(some.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw):
    assert is_read_or_refused(raw)


@QUIETLY
@given(some.text(alphabet="openapi:{}[]&*!|>-?#'\"%@`,\n\t 3.0<<=\\u\x00\ud800", max_size=80))
def test_any_text_like_yaml_is_read_or_refused(text):
    assert is_read_or_refused(text.encode("utf-8", "surrogatepass"))
    assert is_read_or_refused(b"openapi: 3.0.0\n" + text.encode("utf-8", "replace"))


@QUIETLY
@given(some.integers(0, 2_000), some.integers(0, 60), some.binary(max_size=6))
def test_a_damaged_description_is_read_or_refused(position, length, instead):
    for name in ("weather-3.0.yaml", "lending-3.1.json"):
        raw = sample(name)
        assert is_read_or_refused(raw[:position] + instead + raw[position + length :])
