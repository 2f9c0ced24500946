"""What strangers may send as an API description. Each test is named by its row in the threat list."""

from __future__ import annotations

import gzip
import io
import json
import time
import zipfile

import pytest

from portal.catalog import descriptions
from tests.unit.catalog.documents import as_json, document, operation, reading, words_of, yaml_with
from tests.unit.catalog.refusals import refused


@pytest.mark.parametrize(
    "raw",
    [
        b'{"openapi": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000,
        b'{"openapi": "3.0.0", "x": ' + b"[" * 900 + b"]" * 900 + b"}",
        yaml_with("x: " + "[" * 20_000 + "]" * 20_000),
        yaml_with("x: " + "{a: " * 20_000),
        yaml_with("\n".join(" " * depth + "a:" for depth in range(1_500))),
        yaml_with("x:\n " + "- " * 20_000),
        yaml_with("x:\n " + "? " * 20_000),
    ],
)
def test_M2_depth_is_refused(raw):
    assert "nested too deeply" in refused(raw)


def chain(length: int) -> dict[str, object]:
    return {f"P{index}": {"$ref": f"#/components/parameters/P{index + 1}"} for index in range(length)}


@pytest.mark.parametrize(
    ("paths", "more", "words"),
    [
        ({"/a": {"$ref": "#/paths/~1a"}}, {}, "leads back to itself"),
        ({"/a": {"$ref": "#/paths/~1b"}, "/b": {"$ref": "#/paths/~1a"}}, {}, "leads back to itself"),
        ({"/a": {"$ref": "#/paths/~1nowhere"}}, {}, "is not in the file"),
        ({"/a": {"$ref": "#/paths/0/99"}}, {}, "is not in the file"),
        ({"/a": {"$ref": "#nonsense"}}, {}, "is not in the file"),
        ({"/a": {"$ref": 5}}, {}, "is not a text"),
        (
            {"/a": {"get": operation(parameters=[{"$ref": "#/components/parameters/P0"}])}},
            {"components": {"parameters": chain(5_000)}},
            "more than 50 references",
        ),
    ],
)
def test_M3_reference_chains_and_cycles_are_bounded(paths, more, words):
    began = time.process_time()
    found = reading(paths=paths, **more)

    assert words in words_of(found.faults)
    assert time.process_time() - began < 2


def test_M3_a_thousand_uses_of_a_long_chain_are_quick():
    paths = {
        f"/{index}": {"get": operation(parameters=[{"$ref": f"#/components/parameters/P{index}"}])}
        for index in range(1_000)
    }
    began = time.process_time()
    found = reading(paths=paths, components={"parameters": chain(5_000)})

    assert len(found.operations) == 1_000
    assert time.process_time() - began < 2


def fan(levels: int, width: int) -> dict[str, object]:
    schemas = {
        f"S{level}": {"allOf": [{"$ref": f"#/components/schemas/S{level + 1}"}] * width} for level in range(levels)
    }
    return {"schemas": {**schemas, f"S{levels}": {"type": "string"}}}


@pytest.mark.parametrize("step", ["read", "check"])
def test_M3_a_fan_of_references_is_not_expanded(step):
    raw = as_json(
        components=fan(12, 10),
        paths={
            "/a": {
                "get": operation(
                    parameters=[
                        {"name": "q", "in": "query", "schema": {"$ref": "#/components/schemas/S0", "default": 1}}
                    ]
                )
            }
        },
    )
    began = time.process_time()
    found = descriptions.read(raw)
    if step == "check":
        descriptions.check(found)

    assert len(found.to_json()) < 2 * len(raw)
    assert time.process_time() - began < 2


def test_M3_the_whole_document_as_a_parameter_is_a_fault():
    found = reading(paths={"/a": {"get": operation(parameters=[{"$ref": "#"}])}})

    assert "lacks “name” or “in”" in words_of(found.faults)


OUTSIDE = [
    "http://127.0.0.1:9/x.yaml",
    "https://evil.example/x.json#/a",
    "file:///etc/passwd",
    "/etc/passwd",
    "../../secrets.yaml#/x",
    "//evil.example/x",
    "gopher://evil.example",
    "x.yaml",
]


@pytest.mark.parametrize("where", OUTSIDE)
def test_M4_nothing_outside_the_file_is_ever_opened(where, monkeypatch):
    raw = as_json(
        openapi="3.1.0",
        jsonSchemaDialect=where if "://" in where else "https://spec.openapis.org/oas/3.1/dialect/base",
        paths={
            "/whole": {"$ref": where},
            "/a": {
                "get": operation(
                    parameters=[{"$ref": where}],
                    requestBody={"content": {"a/b": {"examples": {"e": {"externalValue": where}}}}},
                )
            },
        },
        components={
            "schemas": {
                "A": {"$ref": where, "default": 1},
                "B": {"$schema": where, "default": 1},
                "C": {"$id": "http://evil.example/base/", "$ref": "sub.json", "default": 1},
                "D": {"$dynamicRef": where, "default": 1},
            },
            "responses": {"R": {"$ref": where}},
        },
    )
    opened: list[object] = []
    monkeypatch.setattr("builtins.open", lambda *args, **_: opened.append(args))

    found = descriptions.read(raw)
    descriptions.check(found)
    viewer = found.to_json()
    monkeypatch.undo()

    assert opened == []
    assert where in found.external_references
    assert "not fetched" in words_of(found.faults)
    assert f'"$ref":{json.dumps(where)}'.encode() not in viewer
    assert b"externalValue" not in viewer


def test_M4_a_canary_file_stays_unread(tmp_path):
    canary = tmp_path / "canary.yaml"
    canary.write_text("type: string\nx-canary: SINGS\n")
    found = reading(components={"schemas": {"A": {"$ref": canary.as_uri()}, "B": {"$ref": str(canary)}}})

    told = words_of(descriptions.check(found)) + words_of(found.faults) + found.to_json().decode()

    assert "SINGS" not in told


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"info": None}, "info: a mapping is expected here, not nothing"),
        ({"info": []}, "info: a mapping is expected here, not a list"),
        ({"info": "Things"}, "info: a mapping is expected here, not plain text"),
        ({"info": {"title": {"en": "Things"}}}, "info › title: a text is expected here, not a mapping"),
        ({"info": {"title": ["Things"]}}, "info › title: a text is expected here, not a list"),
        ({"paths": []}, "paths: a mapping is expected here, not a list"),
        ({"paths": "none"}, "paths: a mapping is expected here, not plain text"),
        ({"paths": 5}, "paths: a mapping is expected here, not a number"),
        ({"openapi": 3}, "openapi: a text such as “3.0.3” is expected here, not a number"),
        ({"openapi": 3.0}, "openapi: a text such as “3.0.3” is expected here, not a number"),
        ({"openapi": None}, "openapi: a text such as “3.0.3” is expected here, not nothing"),
        ({"openapi": True}, "openapi: a text such as “3.0.3” is expected here, not true or false"),
        ({"openapi": {"version": "3.0.0"}}, "openapi: a text such as “3.0.3” is expected here, not a mapping"),
    ],
)
def test_M6_wrong_types_at_the_top_are_refused_with_the_place(parts, words):
    assert words in refused(as_json(**parts))


WRONG: list[object] = [None, True, 5, 1.5, "text", [], {}, ["a", 1, None], {"a": 1}, [[]], [{}], {"$ref": 1}]

TOP = ["servers", "tags", "components", "security", "webhooks", "externalDocs", "x-thing"]
IN_PATH = ["parameters", "servers", "get", "post", "summary", "$ref"]
IN_OPERATION = ["operationId", "summary", "description", "tags", "parameters", "requestBody", "responses", "security"]


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_M6_wrong_types_anywhere_else_are_faults_and_never_crash(value):
    documents = [document(**{name: value}) for name in TOP]
    documents += [document(paths={"/a": value})]
    documents += [document(paths={"/a": {name: value}}) for name in IN_PATH]
    documents += [document(paths={"/a": {"get": operation(**{name: value})}}) for name in IN_OPERATION]
    documents += [document(paths={"/a": {"get": operation(parameters=[value])}})]
    documents += [document(paths={"/a": {"get": operation(responses={"200": value})}})]
    documents += [document(components={name: value}) for name in ("schemas", "securitySchemes", "parameters")]
    documents += [document(components={"schemas": {"A": value}, "securitySchemes": {"A": value}})]
    documents += [document(components={"securitySchemes": {"A": {"type": "oauth2", "flows": value}}})]
    documents += [document(components={"schemas": {"A": {"allOf": value, "properties": value, "required": value}}})]
    documents += [
        document(servers=[value]),
        document(tags=[value]),
        document(servers=[{"url": value, "variables": value}]),
    ]
    swagger = [
        {"swagger": "2.0", "info": {"title": "T", "version": "1"}, "paths": {}, name: value}
        for name in ("host", "basePath", "schemes", "consumes", "definitions", "parameters", "securityDefinitions")
    ]
    for one in documents + swagger:
        found = descriptions.read(json.dumps(one).encode())
        assert all(str(fault).strip() for fault in descriptions.check(found))
        assert json.loads(found.to_json())
        assert isinstance(descriptions.searchable_text(found), str)


def test_M6_a_swagger_version_as_a_number_is_read_with_the_fault():
    found = descriptions.read(b"swagger: 2.0\ninfo: {title: T, version: '1'}\npaths: {}\n")

    assert found.version == "2.0"
    assert "must be a text in quotes" in words_of(found.faults)


def test_M7_more_than_twenty_megabytes_are_refused():
    assert "20 MB are the limit" in refused(b'{"openapi": "3.0.0", "x": "' + b"x" * 21_000_000 + b'"}')


def test_M7_too_many_values_are_refused_before_they_are_built():
    assert "more than 1,500,000 values" in refused(b'{"openapi": "3.0.0", "x": [' + b"[]," * 5_000_000 + b"1]}")


def in_json(number: int) -> bytes:
    return as_json(
        paths={f"/things/{index}/{{id}}": {"get": operation(description="x" * 150)} for index in range(number)}
    )


def in_yaml(number: int) -> bytes:
    body = "    get:\n      description: " + "x" * 150 + "\n      responses: {200: {description: ok}}\n"
    lines = "".join(f"  /things/{index}:\n{body}" for index in range(number))
    return b"openapi: 3.0.3\ninfo: {title: T, version: '1'}\npaths:\n" + lines.encode()


@pytest.mark.parametrize(("written", "number"), [(in_json, 50_000), (in_yaml, 25_000)])
def test_M7_tens_of_thousands_of_paths_are_read_in_time(written, number):
    raw = written(number)
    began = time.process_time()
    found = descriptions.read(raw)

    assert len(found.operations) == number
    assert time.process_time() - began < 8


def test_M7_more_operations_than_anybody_lists_are_refused():
    with pytest.raises(descriptions.Refused, match="more than 10 operations"):
        descriptions.read(in_json(11), limits=descriptions.Limits(operations=10))


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../openapi.json", content)
    return buffer.getvalue()


ENTITIES = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>'
OUTSIDE_ENTITY = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (zipped(b"\0" * 10_000_000), "a ZIP archive"),
        (gzip.compress(b"\0" * 10_000_000), "a gzip archive"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "a PDF document"),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 100, "a program (ELF)"),
        (b"MZ\x90\0\x03" + b"\0" * 100, "a program (Windows)"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image"),
        (ENTITIES, "an XML document"),
        (OUTSIDE_ENTITY, "an XML document"),
        (b"\xef\xbb\xbf\n  " + ENTITIES, "an XML document"),
        (ENTITIES.decode().encode("utf-16"), "an XML document"),
        (b"<!DOCTYPE html><html><script>alert(1)</script>", "an HTML page"),
        (b"<svg onload=alert(1)>", "an SVG image"),
        (b"a" * 257 + b"ustar\0", "a tar archive"),
        (bytes(range(256)) * 4, "a binary file"),
    ],
)
def test_M8_files_of_other_kinds_are_refused_by_name(raw, name):
    assert name in refused(raw)


HANGING = "^(a+)+$"


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0", "3.2.0"])
def test_M11_patterns_of_the_document_are_not_run(version):
    victim = "a" * 60 + "!"
    schemas = {
        "Plain": {"type": "string", "pattern": HANGING, "default": victim},
        "Names": {"type": "object", "patternProperties": {HANGING: True}, "default": {victim: 1}},
        "Other": {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": HANGING, "default": victim},
        "Inside": {
            "allOf": [{"$schema": "http://json-schema.org/draft-07/schema#", "pattern": HANGING}],
            "default": victim,
        },
        "Compiled": {"pattern": "(?i)" + "[\0-\U0010ffff]" * 200},
    }
    began = time.process_time()
    descriptions.check(reading(openapi=version, components={"schemas": schemas}))

    assert time.process_time() - began < 5


def test_M11_work_on_one_description_ends_at_its_limit():
    limits = descriptions.Limits(check_steps=200)
    found = descriptions.read(as_json(components=fan(3, 3)), limits=limits)

    assert "to be checked to the end" in words_of(descriptions.check(found))
