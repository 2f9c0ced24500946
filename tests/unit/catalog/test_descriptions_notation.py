"""What strangers may send as an API description: tricks of JSON and YAML, and texts on their way to the viewer."""

from __future__ import annotations

import json

import pytest

from portal.catalog import descriptions
from tests.unit.catalog.documents import as_json, operation, reading, words_of, yaml_with
from tests.unit.catalog.refusals import refused


def bomb(levels: int) -> str:
    lines = ["x0: &x0 [a, a, a, a, a, a, a, a, a]"]
    lines += [f"x{level}: &x{level} [" + ", ".join([f"*x{level - 1}"] * 9) + "]" for level in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        bomb(11),
        "a: &a " + "x" * 100_000 + "\nb: [" + ", ".join(["*a"] * 10_000) + "]",
        "a: &a {"
        + ", ".join(f"k{index}: 1" for index in range(5_000))
        + "}\nb: {"
        + ", ".join(["<<: *a"] * 5_000)
        + "}",
    ],
)
def test_trap_12_alias_bombs_are_refused(text):
    assert "alias bomb" in refused(yaml_with(text))


def test_trap_12_a_small_use_of_aliases_is_fine():
    assert descriptions.read(yaml_with(bomb(3))).document["x2"][0][0][0] == "a"


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: *nothing"])
def test_trap_12_aliases_that_lead_nowhere_are_refused(text):
    assert "Line 4" in refused(yaml_with(text))


@pytest.mark.parametrize("quoted", [as_json, lambda **parts: as_json(**parts).replace(b"}}", b"},}")])
def test_trap_12_surrogate_pairs_become_one_letter(quoted):
    raw = quoted(info={"title": "smile \U0001f600", "version": "1"}, paths={"/a": {"get": {}}})
    assert b"\\ud83d\\ude00" in raw

    assert descriptions.read(raw).title == "smile \U0001f600"


@pytest.mark.parametrize("half", ["\\ud83d", "\\ude00", "\\u0000", "\\ude00\\ud83d"])
@pytest.mark.parametrize("tail", ["", ","])
def test_trap_12_lone_surrogates_and_nul_are_replaced(half, tail):
    found = descriptions.read(
        b'{"openapi": "3.0.0", "info": {"title": "x'
        + half.encode()
        + b'y", "version": "1"'
        + tail.encode()
        + b'}, "paths": {}}'
    )

    found.title.encode()
    assert "\0" not in found.title
    assert "\ufffd" in found.title or half == "\\u0000"
    assert found.to_json()


def test_trap_12_numbers_of_any_length_do_not_raise():
    long = "9" * 5_000
    for raw in (
        f'{{"openapi": "3.0.0", "paths": {{}}, "x": {long}, "y": -{long}.5, "z": 1e999, "n": NaN}}'.encode(),
        yaml_with(f"x: {long}\ny: -{long}.5\nz: 1e999\nn: .nan\ni: -.inf\nh: 0x{'f' * 900}\nb: !!int nonsense"),
    ):
        found = descriptions.read(raw)
        assert found.document["x"] == long
        assert found.to_json()
        descriptions.check(found)


def test_trap_12_tags_of_python_are_ignored():
    found = descriptions.read(
        yaml_with("a: !!python/object/apply:os.system [echo]\nb: !custom {c: 1}\nd: !!binary aGk=")
    )

    assert found.document["a"] == ["echo"]
    assert "python/object/apply:os.system has no meaning here" in words_of(found.faults)


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JaVaScript:x", "java\tscript:x", " \u0001javascript:x", "data:text/html,x", "vbscript:x"],
)
def test_D4_the_viewer_gets_no_address_that_does_something(address):
    found = reading(
        info={
            "title": "T",
            "version": "1",
            "termsOfService": address,
            "contact": {"url": address},
            "license": {"name": "<img src=x onerror=alert(1)>", "url": address},
        },
        externalDocs={"url": address},
        servers=[{"url": address}],
        tags=[{"name": "<b>t</b>", "externalDocs": {"url": address}}],
        components={"securitySchemes": {"s": {"type": "openIdConnect", "openIdConnectUrl": address}}},
    )

    assert address not in json.dumps(json.loads(found.to_json()), ensure_ascii=False)
    assert found.servers == ()


def test_D4_addresses_of_the_web_stay_for_the_viewer():
    docs = {"url": "https://docs.example/a?b=c:d"}
    servers = [{"url": "/v1"}, {"url": "localhost:8080/v1"}, {"url": "{scheme}://x.example"}]
    found = json.loads(reading(externalDocs=docs, servers=servers).to_json())

    assert (found["externalDocs"], found["servers"]) == (docs, servers)


def test_D4_texts_are_handed_on_as_texts():
    evil = "<script>alert(1)</script>"
    found = reading(paths={f"/{evil}": {"get": operation(summary=evil, operationId=evil, tags=[evil])}})

    assert found.operations[0].path == f"/{evil}"  # templates escape it; nothing here is markup
    assert type(found.operations[0].summary) is str
