"""Holding what Portico really answers to the OpenAPI description that it serves of itself."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from flask import Flask, Response, request
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from portal.web.own_api import FILE

METHODS = ("get", "put", "post", "delete", "patch")
BASE = "urn:described"


@cache
def document() -> dict[str, Any]:
    """The description as it is kept."""
    return yaml.safe_load(FILE.read_text())


@dataclass(frozen=True)
class Answer:
    """What was asked, and what was answered."""

    method: str
    path: str
    sent: bytes
    status: int
    headers: dict[str, str]
    media_type: str
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path}: {self.status}"


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and description of each operation."""
    for path, item in document()["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def followed(part: Any) -> Any:
    """What a part of the description says, behind its reference."""
    while isinstance(part, dict) and "$ref" in part:
        found: Any = document()
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def breaches(schema: Any, value: Any, *, strictly: bool = False) -> list[str]:
    """How a value differs from its schema; ``strictly`` takes members that are not described for a difference."""
    schema = json.loads(json.dumps(schema).replace('"$ref": "#/', f'"$ref": "{BASE}#/'))
    if strictly:
        schema = _told_all(schema)
    validator = OAS31Validator(schema, registry=_registry(strictly), format_checker=oas31_format_checker)
    return [f"{list(error.absolute_path)}: {error.message[:300]}" for error in validator.iter_errors(value)]


@cache
def _registry(strictly: bool) -> Registry[Any]:
    whole = _told_all(copy.deepcopy(document())) if strictly else document()
    return Registry().with_resource(BASE, DRAFT202012.create_resource(whole))


def faults_of(answer: Answer) -> list[str]:
    """In what an answer is not as described; nothing for what no operation is about."""
    item = next((item for path, item in document()["paths"].items() if _is_at(answer.path, path)), None)
    if item is None or answer.method in {"HEAD", "OPTIONS"}:
        return []
    operation = item.get(answer.method.lower())
    if operation is None:
        return [] if answer.status == 405 else [f"{answer} has no description"]
    told = followed(operation["responses"].get(str(answer.status)))
    if told is None:
        return [f"{answer} has a status that is not described: {answer.body[:200]!r}"]
    found = (*_in_order(operation, answer), *_in_headers(told, answer), *_in_body(told, answer))
    return [f"{answer}: {fault}" for fault in found]


@contextmanager
def as_described(app: Flask) -> Iterator[list[Answer]]:
    """Everything that the application answers meanwhile, held to the description at the end."""
    answers: list[Answer] = []
    usual = app.process_response

    def process(response: Response) -> Response:
        processed = usual(response)
        answers.append(_told(processed))
        return processed

    app.process_response = process  # type: ignore[method-assign]
    try:
        yield answers
    finally:
        del app.process_response
    faults = [fault for answer in answers for fault in faults_of(answer)]
    assert not faults, "\n".join(faults)


def _told(response: Response) -> Answer:
    return Answer(
        method=request.method,
        path=request.path,
        sent=request.get_data() if request.path.startswith("/api/") and response.status_code < 300 else b"",
        status=response.status_code,
        headers=dict(response.headers),
        media_type=response.mimetype or "",
        body=b"" if response.status_code == 304 else response.get_data(),
    )


def _in_order(operation: dict[str, Any], answer: Answer) -> Iterator[str]:
    """What was taken has to be as described too."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if answer.sent and content is not None:
        yield from (f"taken was {fault}" for fault in breaches(content["schema"], json.loads(answer.sent)))


def _in_headers(told: dict[str, Any], answer: Answer) -> Iterator[str]:
    for name, header in told.get("headers", {}).items():
        given, described = answer.headers.get(name), followed(header)
        if given is None and described.get("required"):
            yield f"the header {name} is missing"
        elif given is not None:
            yield from (f"{name}{fault}" for fault in breaches(described["schema"], given))


def _in_body(told: dict[str, Any], answer: Answer) -> Iterator[str]:
    content = told.get("content")
    if content is None:
        if answer.body:
            yield f"a body that is not described: {answer.body[:100]!r}"
    elif answer.media_type not in content:
        yield f"the media type is {answer.media_type!r}"
    else:
        yield from breaches(content[answer.media_type]["schema"], json.loads(answer.body), strictly=True)


def _is_at(path: str, template: str) -> bool:
    return re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), path) is not None


def _told_all(part: Any) -> Any:
    """The schemas, saying of themselves that there is nothing more than they describe."""
    if isinstance(part, dict):
        if part.get("type") == "object" and "properties" in part:
            part.setdefault("additionalProperties", False)
        for child in part.values():
            _told_all(child)
    elif isinstance(part, list):
        for child in part:
            _told_all(child)
    return part
