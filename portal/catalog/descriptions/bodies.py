"""What an operation takes and gives: parameters, request body, responses."""

from __future__ import annotations

from typing import Any

from portal.catalog.descriptions.model import Faults, Parameter, Response, Severity, Tree, place_of, shorten
from portal.catalog.descriptions.parts import line_in, list_in, mapping_in, text_in, texts_in
from portal.catalog.descriptions.references import References, name_of

PARAMETERS_READ = 500
RESPONSES_READ = 200
TEXT = 4_000
BODY_PARTS = ("body", "formData")


def declared_parameters(
    operation: dict[str, Any], item: dict[str, Any], references: References, place: str, faults: Faults
) -> list[tuple[str, dict[str, Any]]]:
    """The parameters of the operation and, where it does not declare the same ones, those of its path."""
    own = list_in(operation, "parameters", place, faults)[:PARAMETERS_READ]
    path_place = place.rsplit(" › ", 1)[0]
    shared = list_in(item, "parameters", path_place, faults)[:PARAMETERS_READ]
    found: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
    sources = [(path_place, index, value) for index, value in enumerate(shared)]
    sources += [(place, index, value) for index, value in enumerate(own)]
    for origin, index, value in sources:
        where = place_of(origin, "parameters", index)
        parameter = references.follow(value, where)
        if parameter is not None:
            key = (str(parameter.get("name"))[:200], str(parameter.get("in"))[:20])
            found[key] = (where, parameter)
    return list(found.values())


def parameters_of(
    operation: dict[str, Any], item: dict[str, Any], references: References, place: str, faults: Faults
) -> tuple[Parameter, ...]:
    """Every parameter beside the body."""
    found = []
    for where, value in declared_parameters(operation, item, references, place, faults):
        name, location = line_in(value, "name", where, faults), line_in(value, "in", where, faults)
        if location == "body":
            continue
        if not name or not location:
            faults.add(where, "The parameter lacks “name” or “in”.", Severity.ERROR)
        found.append(
            Parameter(
                name=name,
                location=location,
                required=value.get("required") is True,
                type=type_of(value, references),
                description=text_in(value, "description", where, faults)[:TEXT],
            )
        )
    return tuple(found)


def type_of(parameter: dict[str, Any], references: References) -> str:
    """The type in a word or two, as far as it shows without expanding anything."""
    schema = parameter.get("schema")
    if schema is None and isinstance(content := parameter.get("content"), dict):
        first = next(iter(content.values()), None)
        schema = first.get("schema") if isinstance(first, dict) else None
    return schema_word(schema if isinstance(schema, dict) else parameter, references)


def schema_word(schema: Tree, references: References, depth: int = 0) -> str:
    """``string``, ``array of integer``, ``string or null``, or the name of a schema that says no more."""
    if not isinstance(schema, dict) or depth > 3:
        return ""
    if isinstance(reference := schema.get("$ref"), str):
        target = references.silent().follow(schema, "")
        return (schema_word(target, references, depth + 1) if target else "") or shorten(name_of(reference), 60)
    kind = schema.get("type")
    if isinstance(kind, list):
        return " or ".join(word for word in kind[:5] if isinstance(word, str))[:80]
    if kind == "array":
        inner = schema_word(schema.get("items"), references, depth + 1)
        return f"array of {inner}" if inner else "array"
    return kind[:80] if isinstance(kind, str) else ""


def body_of(
    operation: dict[str, Any],
    item: dict[str, Any],
    consumes: tuple[str, ...],
    references: References,
    place: str,
    faults: Faults,
) -> tuple[bool, tuple[str, ...]]:
    """Whether the operation takes a body, and in which media types."""
    if operation.get("requestBody") is not None:
        body = references.follow(operation["requestBody"], place_of(place, "requestBody"))
        content = mapping_in(body, "content", place_of(place, "requestBody"), faults) if body else {}
        return True, tuple(shorten(name, 100) for name in list(content)[:20])
    silent = references.silent()
    declared = declared_parameters(operation, item, silent, place, Faults(0))
    if not any(parameter.get("in") in BODY_PARTS for _, parameter in declared):
        return False, ()
    own = texts_in(operation, "consumes", place, faults)
    return True, tuple(shorten(name, 100) for name in (own or consumes)[:20])


def responses_of(operation: dict[str, Any], references: References, place: str, faults: Faults) -> tuple[Response, ...]:
    """Every answer with its description."""
    found = []
    responses = mapping_in(operation, "responses", place, faults)
    for status, value in list(responses.items())[:RESPONSES_READ]:
        if status.startswith("x-"):
            continue
        where = place_of(place, "responses", status)
        response = references.follow(value, where) or {}
        found.append(Response(shorten(status, 20), text_in(response, "description", where, faults)[:TEXT]))
    return tuple(found)
