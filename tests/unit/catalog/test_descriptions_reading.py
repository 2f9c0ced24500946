from __future__ import annotations

import json

import pytest

from portal.catalog import descriptions
from tests.unit.catalog.documents import as_json, document, operation, reading, sample, words_of, yaml_with


def test_a_swagger_2_description_is_read():
    found = descriptions.read(sample("orders-2.0.yaml"))

    assert (found.version, found.title, found.api_version) == ("2.0", "Orders", "1.4.0")
    assert found.servers == ("https://api.shop.example/v1", "http://api.shop.example/v1")
    assert [(one.method, one.path) for one in found.operations] == [
        ("GET", "/orders"),
        ("POST", "/orders"),
        ("PUT", "/orders/{id}/label"),
    ]
    assert found.tags == ("orders", "parcels")
    assert found.scopes == {"orders.read": "See orders", "orders.write": "Place orders"}
    assert not found.faults


def test_parameters_bodies_and_answers_of_swagger_2_are_read():
    listing, placing, label = descriptions.read(sample("orders-2.0.yaml")).operations

    assert [(one.name, one.location, one.type) for one in listing.parameters] == [
        ("page", "query", "integer"),
        ("state", "query", "array of string"),
    ]
    assert (placing.has_request_body, placing.request_media_types) == (True, ("application/json",))
    assert [(one.status, one.description) for one in placing.responses] == [
        ("201", "Placed"),
        ("default", "What went wrong"),
    ]
    assert (listing.security, placing.security) == (({"shop": ("orders.read",)},), ({"shop": ("orders.write",)},))
    assert label.deprecated
    assert label.request_media_types == ("multipart/form-data",)
    assert [one.name for one in label.parameters] == ["id", "label"]


def test_an_openapi_3_0_description_is_read():
    found = descriptions.read(sample("weather-3.0.yaml"))
    forecast, report = found.operations

    assert found.servers == ("https://eu.weather.example/v2",)
    assert [(one.name, one.required, one.type) for one in forecast.parameters] == [
        ("place", True, "string"),
        ("units", False, "string"),
    ]
    assert forecast.responses[1].description == "No such place"
    assert report.request_media_types == ("application/json", "image/png")
    assert (forecast.security, report.security) == (({"key": ()},), ({},))
    assert [(one.name, one.type) for one in found.security_schemes] == [("key", "apiKey"), ("bearer", "http bearer")]
    assert found.tags == ("forecast", "extra")


def test_an_openapi_3_1_description_is_read():
    found = descriptions.read(sample("lending-3.1.json"))

    assert (found.version, found.summary, found.encoding) == ("3.1.0", "Borrow and return", "json")
    assert found.operations[0].parameters[0].type == "string or null"
    assert [one.flow for one in found.security_schemes] == ["clientCredentials", "authorizationCode"]
    assert found.scopes == {"loans:read": "See loans", "loans:write": "Borrow"}


def test_a_description_that_breaks_many_rules_is_read_with_its_faults():
    found = descriptions.read(sample("odd.yaml"))

    told = words_of(found.faults)
    assert found.servers == ("https://odd.example",)
    assert [(one.method, one.path) for one in found.operations] == [("GET", "no-slash"), ("GET", "/a"), ("PUT", "/a")]
    for words in (
        "swagger: The version must be a text",
        "info › title: The API has no title",
        "info › version: A text is expected here, not a number",
        "host: The host must stand without “https://”",
        "tags › 1: The tag has no name",
        "paths › no-slash: A path must begin with “/”",
        "/a: This name stands twice",
        "“same” names another operation already",
        "paths › /a › put › security: A list is expected here",
    ):
        assert words in told


@pytest.mark.parametrize("missing", ["title", "version"])
def test_a_missing_title_or_version_is_a_fault_and_no_refusal(missing):
    info = {"title": "Things", "version": "1"}
    del info[missing]

    assert f"info › {missing}: The API has no {missing}" in words_of(reading(info=info).faults)


def test_a_description_without_info_or_paths_is_read():
    found = descriptions.read(b'{"openapi": "3.1.0", "webhooks": {"x": {}}}')

    assert (found.title, found.operations) == ("", ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 2024-13-45\nb: 2024-01-01", "2024-13-45"),
        ("a: =", "="),
        ("a: 12:30:45", "12:30:45"),
        ("a: no", "no"),
        ("a: 007", "007"),
        ("a: !!str 5", "5"),
    ],
)
def test_what_yaml_1_1_would_make_into_something_else_stays_text(text, words):
    assert descriptions.read(yaml_with(text)).document["a"] == words


def test_what_the_core_schema_knows_is_known():
    found = descriptions.read(yaml_with("a: [~, null, true, False, 12, -3, 0x1f, 0o17, 1.5, 1e3, .5]")).document["a"]

    assert found == [None, None, True, False, 12, -3, 31, 15, 1.5, 1000.0, 0.5]


def test_names_are_texts_whatever_they_look_like():
    found = descriptions.read(yaml_with("a: {200: x, on: y, null: z, 1.10: v}")).document["a"]

    assert found == {"200": "x", "on": "y", "null": "z", "1.10": "v"}


def test_aliases_and_merges_are_written_out():
    found = descriptions.read(yaml_with("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a")).document

    assert (found["b"], found["c"]) == ({"y": 3, "x": 1}, {"x": 1, "y": 2})


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"\xef\xbb\xbf" + as_json(), "byte order mark"),
        (json.dumps(document()).encode("utf-16"), "UTF-16"),
        (json.dumps(document()).encode("utf-16-be"), "UTF-16"),
        (json.dumps(document()).encode("utf-32"), "UTF-32"),
    ],
)
def test_other_encodings_are_read_and_noted(raw, words):
    found = descriptions.read(raw)

    assert found.title == "Things"
    assert words in words_of(found.faults)


def test_a_file_in_an_old_encoding_is_read_and_noted():
    found = descriptions.read(
        json.dumps(document(info={"title": "Brønn", "version": "1"}), ensure_ascii=False).encode("cp1252")
    )

    assert found.title == "Brønn"
    assert "not in UTF-8 (line 1)" in words_of(found.faults)


def test_line_ends_of_windows_do_no_harm():
    assert len(descriptions.read(sample("orders-2.0.yaml").replace(b"\n", b"\r\n")).operations) == 3


def test_json_with_commas_at_the_end_is_read_with_the_fault_noted():
    found = descriptions.read(b'{"openapi": "3.0.0", "info": {"title": "T", "version": "1",}, "paths": {},}')

    assert found.title == "T"
    assert "not valid JSON" in words_of(found.faults)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"openapi": "3.0.0", "info" {"title": 1}}', "line 1, column 29: expecting ':' delimiter"),
        (b'{"openapi": "3.0.0"}, "x": 1', "extra data"),
        (b"openapi: 3.0.0\ninfo: [unclosed\n", "line"),
        (b"openapi: 3.0.0\n{{name}}: 1\n", "line 2"),
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"Dear colleagues, please find attached", "plain text"),
        (b"[1, 2]", "a list"),
        (b"null", "nothing"),
        (b"# only a comment", "nothing"),
        (b"a: 1", "neither “openapi” nor “swagger”"),
        (b"asyncapi: 2.6.0", "an AsyncAPI description"),
        (b'{"info": {"_postman_id": "x"}}', "a Postman collection"),
        (b"swagger: '1.2'", "“1.2” is not known"),
        (b"openapi: '4.0.0'", "“4.0.0” is not known"),
        (b"openapi: '2.0'", "“2.0” is not known"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(raw, words):
    with pytest.raises(descriptions.Refused) as refused:
        descriptions.read(raw)

    assert words in str(refused.value)


def test_a_second_yaml_document_is_not_read_but_noted():
    found = descriptions.read(sample("weather-3.0.yaml") + b"\n---\na: 1\n")

    assert "several YAML documents" in words_of(found.faults)


def test_names_given_twice_are_noted_in_json_too():
    found = descriptions.read(b'{"openapi":"3.0.0","info":{"title":"A","title":"B","version":"1"},"paths":{}}')

    assert found.title == "B"
    assert "title: This name stands twice" in words_of(found.faults)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "ftp://x.example", "https://", "http://a b", "file:///etc/passwd"]
)
def test_addresses_that_nobody_can_call_are_left_out_and_noted(url):
    found = reading(servers=[{"url": url}])

    assert found.servers == ()
    assert "cannot be called" in words_of(found.faults)


def test_openapi_3_2_brings_more_methods():
    found = reading(
        openapi="3.2.0", paths={"/a": {"query": operation(), "additionalOperations": {"LOCK": operation()}}}
    )

    assert [one.method for one in found.operations] == ["QUERY", "LOCK"]


def test_the_words_for_the_search_are_the_telling_ones_and_bounded():
    words = descriptions.searchable_text(descriptions.read(sample("orders-2.0.yaml")))

    assert "Orders" in words
    assert "List orders" in words
    assert "/orders/{id}/label" in words
    assert len(descriptions.searchable_text(reading(info={"title": "x" * 200_000, "version": "1"}))) <= 50_000


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Orders API", "orders-api"),
        ("  Größe & Maß: Übersicht! ", "grosse-mass-ubersicht"),
        ("Brønnøysund's Registers", "bronnoysunds-registers"),
        ("天気", ""),
        ("a" * 100, "a" * 60),
        ("word " * 30, "word-word-word-word-word-word-word-word-word-word-word-word"),
    ],
)
def test_a_title_becomes_a_name_for_addresses(title, slug):
    assert descriptions.slug_of(title) == slug


def test_operations_are_kept_as_json():
    kept = [one.as_dict() for one in descriptions.read(sample("orders-2.0.yaml")).operations]

    assert json.loads(json.dumps(kept))[0]["parameters"][0]["name"] == "page"
