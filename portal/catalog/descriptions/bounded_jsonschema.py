"""JSON Schema validators that count their work and are safe with schemas that strangers wrote.

They differ from the library's in four ways. Each keyword takes a step of the budget. A ``$schema`` inside a document
does not switch to the library's own class, which would count nothing. Patterns from the document are never run, since
one can hold the process for good. Lists are tested for repeated entries in linear time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import attrs
from jsonschema import FormatChecker  # type: ignore[import-untyped]
from jsonschema.exceptions import SchemaError, ValidationError  # type: ignore[import-untyped]
from jsonschema.validators import extend, validator_for  # type: ignore[import-untyped]
from openapi_schema_validator._specifications import REGISTRY

from portal.catalog.descriptions.budget import spend

Keyword = Callable[[Any, Any, Any, Any], Any]
PATTERN_LENGTH = 300
IGNORING_CASE = re.compile(r"\(\?[a-zA-Z]*i")


def counted(keyword: Keyword) -> Keyword:
    """The same keyword, taking a step each time."""

    def step(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        spend()
        return keyword(validator, value, instance, schema)

    return step


def not_run(*_: Any) -> Iterator[ValidationError]:
    """A keyword whose value comes from the document and is not to be trusted."""
    return iter(())


def unique_items(_validator: Any, value: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """``uniqueItems`` in linear time."""
    if not value or not isinstance(instance, list):
        return
    seen: set[str] = set()
    for item in instance:
        spend()
        key = json.dumps(item, sort_keys=True)
        if key in seen:
            yield ValidationError(f"{instance!r} has non-unique elements")
            return
        seen.add(key)


def evolve(self: Any, **changes: Any) -> Any:
    """As the library's own, but always of the same class."""
    cls = type(self)
    for field in attrs.fields(cls):
        if field.init and field.alias not in changes:
            changes[field.alias] = getattr(self, field.name)
    return cls(**changes)


@cache
def bounded(validator_class: Any, *, trusted: bool) -> Any:
    """A class like this one that counts. ``trusted``: the schema is the specification's, so its patterns may run."""
    keywords: dict[str, Keyword] = {name: counted(keyword) for name, keyword in validator_class.VALIDATORS.items()}
    keywords["uniqueItems"] = unique_items
    if not trusted:
        for name in ("pattern", "patternProperties"):
            if name in keywords:
                keywords[name] = not_run
    made: Any = extend(validator_class, keywords, format_checker=careful(validator_class.FORMAT_CHECKER))
    made.evolve = evolve
    return made


def careful(checker: FormatChecker) -> FormatChecker:
    """The same formats; but only short and simple regular expressions are compiled."""
    made = FormatChecker(formats=())
    made.checkers = dict(checker.checkers)
    made.checkers["regex"] = (compiles, re.error)
    return made


def compiles(pattern: object) -> bool:
    """Whether a regular expression is one, as far as finding out is cheap."""
    if not isinstance(pattern, str) or len(pattern) > PATTERN_LENGTH or IGNORING_CASE.search(pattern):
        return True
    spend()
    re.compile(pattern)
    return True


def check_schema(validator_class: Any, schema: Any, format_checker: FormatChecker | None = None) -> None:
    """Raise SchemaError for the first rule of its dialect that a schema breaks."""
    meta_schema = validator_class.META_SCHEMA
    meta_class = bounded(validator_for(meta_schema, default=validator_class), trusted=True)
    checker = careful(format_checker) if format_checker is not None else meta_class.FORMAT_CHECKER
    for error in meta_class(meta_schema, format_checker=checker, registry=REGISTRY).iter_errors(schema):
        raise SchemaError.create_from(error)
