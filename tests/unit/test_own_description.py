"""The OpenAPI description of Portico's own API is a sound one, and its examples are what it says they are."""

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from portal.access import Category, RequestKind, RequestStatus
from portal.api.requests import FIELDS
from portal.catalog import Environment
from tests.support.described import breaches, document, followed, operations


def contents():
    """Every content of a body, with where it stands, and whether it is an answer."""
    for path, method, operation in operations():
        where = f"{method} {path}"
        if "requestBody" in operation:
            for content in operation["requestBody"]["content"].values():
                yield where, False, content
        for status, response in operation["responses"].items():
            for content in followed(response).get("content", {}).values():
                yield f"{where} {status}", True, content


def examples_of(part):
    yield from ([part["example"]] if "example" in part else [])
    yield from (each["value"] for each in part.get("examples", {}).values())


def test_it_is_valid_by_openapi_3_1():
    assert [error.message for error in OpenAPIV31SpecValidator(document()).iter_errors()] == []


def test_each_example_is_one_of_its_schema():
    wrong = [
        f"{where}: {fault}"
        for where, is_answer, content in contents()
        for example in examples_of(content)
        for fault in breaches(content["schema"], example, strictly=is_answer)
    ]

    assert not wrong


def test_nearly_every_body_has_an_example_and_every_parameter_of_ours_is_told():
    bare = [where for where, _, content in contents() if not list(examples_of(content))]
    silent = [
        f"{method} {path}"
        for path, method, operation in operations()
        if not operation.get("summary") or not operation.get("operationId") or "security" not in operation
    ]

    assert set(bare) <= {
        "get /.well-known/oauth-authorization-server 200",
        "get /api/v1/openapi.json 200",
        "get /oauth/register/{client_id} 200",
        "put /oauth/register/{client_id} 200",
    }
    assert not silent


def test_each_operation_has_an_id_of_its_own():
    ids = [operation["operationId"] for _, _, operation in operations()]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("place", ["parameters", "headers", "responses", "schemas", "securitySchemes"])
def test_nothing_is_kept_that_nothing_uses(place):
    used = str(document())
    unused = [
        name
        for name in document()["components"][place]
        if f"#/components/{place}/{name}'" not in used and f"'{name}': []" not in used
    ]

    assert not unused


def test_its_words_are_those_of_the_code():
    schemas = document()["components"]["schemas"]

    assert set(schemas["Order"]["properties"]) == FIELDS
    assert schemas["Status"]["enum"] == [*RequestStatus]
    assert schemas["Environment"]["enum"] == [*Environment]
    assert schemas["AccessRequest"]["properties"]["kind"]["enum"] == [*RequestKind]
    assert schemas["BrokenRule"]["properties"]["about"]["enum"] == [*Category]
