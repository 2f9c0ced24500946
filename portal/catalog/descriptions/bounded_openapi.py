"""The strict OpenAPI validator, made fit for documents that strangers wrote.

The library's keyword validators are kept. Each step is counted, nothing outside the document is ever opened, and where
one part cannot be checked (a reference that leads nowhere, a text in the place of a mapping) that is reported and the
rest goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from jsonschema.validators import validator_for  # type: ignore[import-untyped]
from jsonschema_path.paths import SchemaPath
from openapi_spec_validator import schemas
from openapi_spec_validator.validation import keywords, validators
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError
from referencing.exceptions import Unresolvable

from portal.catalog.descriptions.bounded_jsonschema import bounded, check_schema
from portal.catalog.descriptions.budget import Exhausted, spend


class NotChecked(OpenAPIValidationError):  # type: ignore[misc, unused-ignore]
    """A part of the document that could not be checked; ``outside``: because it stands in another file."""

    outside = False


class Outside(LookupError):
    """A reference to something that does not stand in the document."""


class RefusingHandlers(dict[str, Any]):
    """Claims every scheme there is, and opens none: the library would fetch those that nobody claims."""

    def __contains__(self, scheme: object) -> bool:
        return True

    def __getitem__(self, scheme: str) -> Any:
        return refuse


def refuse(uri: str) -> NoReturn:
    """Nothing outside the document is opened."""
    raise Outside(uri)


class Ids(set[Any]):
    """Where the library searches a list from its beginning each time."""

    append = set.add


class CountedSchema:
    """What all versions' schema validators do differently here."""

    _collected: dict[int, set[str]]

    def __init__(self, registry: Any) -> None:
        super().__init__(registry)  # type: ignore[call-arg]
        self.visited_schema_ids = Ids()
        self.meta_checked_schema_ids = Ids()
        self._collected = {}

    def _collect_properties(self, schema: SchemaPath) -> set[str]:
        """The library's own, which walks circles and fans again and again, with a memory."""
        spend()
        key = id(schema.read_value())
        if key not in self._collected:
            self._collected[key] = set()
            self._collected[key] = super()._collect_properties(schema)  # type: ignore[misc]
        return self._collected[key]


class CountedSchema30(CountedSchema):
    """OpenAPI 3.0 and Swagger 2.0: one dialect."""

    def _get_schema_checker(self, schema: SchemaPath, schema_value: Any) -> Any:
        return lambda value: check_schema(self.schema_validator_cls, value)  # type: ignore[attr-defined]


class CountedSchema31(CountedSchema):
    """OpenAPI 3.1 and later: the dialect that the document names, if it is known."""

    def _get_schema_checker(self, schema: SchemaPath, schema_value: Any) -> Any:
        dialect = self._get_schema_dialect_id(schema, schema_value)  # type: ignore[attr-defined]
        found = self._get_validator_class_for_dialect(dialect)  # type: ignore[attr-defined]
        if found is None:
            raise ValueError(f"Unknown JSON Schema dialect: {dialect!r}")
        checker = self.schema_validator_format_checker  # type: ignore[attr-defined]
        return lambda value: check_schema(found, value, checker)


class CountedOperation:
    """The search for operationIds that are used twice, in linear time."""

    def __init__(self, registry: Any) -> None:
        super().__init__(registry)  # type: ignore[call-arg]
        self.operation_ids_registry = Ids()


def specialised(cls: type) -> tuple[type, ...]:
    """What is put before a keyword validator of the library."""
    if issubclass(cls, keywords.OpenAPIV31SchemaValidator):
        return (CountedSchema31,)
    if issubclass(cls, keywords.SchemaValidator):
        return (CountedSchema30,)
    return (CountedOperation,) if issubclass(cls, keywords.OperationValidator) else ()


def guarded(cls: Any) -> Any:
    """A keyword validator that takes a step, says where it stands, and survives what it finds."""

    def call(self: Any, *args: Any, **options: Any) -> Iterator[Any]:
        spend()
        place = next((argument.parts for argument in args if isinstance(argument, SchemaPath)), ())
        try:
            for error in super(made, self).__call__(*args, **options):
                if not hasattr(error, "place"):
                    error.place = tuple(place)
                yield error
        except (Exhausted, GeneratorExit):
            raise
        except Exception as reason:  # noqa: BLE001 - whatever a stranger's document makes the library raise
            yield not_checked(reason, tuple(place))

    made: Any = type(f"Guarded{cls.__name__}", (*specialised(cls), cls), {"__call__": call})
    if issubclass(cls, keywords.ValueValidator):
        made.value_validator_cls = bounded(cls.value_validator_cls, trusted=False)
        made.value_validator_format_checker = made.value_validator_cls.FORMAT_CHECKER
    return made


def not_checked(reason: Exception, place: tuple[Any, ...]) -> NotChecked:
    """The report of a part that could not be checked."""
    if isinstance(reason, Unresolvable):
        message = f"The reference {reason.ref} cannot be resolved."
    elif isinstance(reason, RecursionError):
        message = "This part goes round in circles or is nested too deeply to be checked."
    else:
        message = "This part has not the shape that the specification asks for, and could not be checked."
    error = NotChecked(message)
    error.place = place
    error.outside = is_outside(reason)
    return error


def is_outside(reason: BaseException | None) -> bool:
    """Whether the library was refused a look outside the document."""
    while reason is not None:
        if isinstance(reason, Outside):
            return True
        reason = reason.__cause__ or reason.__context__
    return False


def made_for(base: Any, schema: Any) -> Any:
    """The validator of one version."""
    return type(
        f"Bounded{base.__name__}",
        (base,),
        {
            "resolver_handlers": RefusingHandlers(),
            "keyword_validators": {name: guarded(cls) for name, cls in base.keyword_validators.items()},
            "schema_validator": bounded(validator_for(schema), trusted=True)(schema),
        },
    )


VALIDATORS = {
    "2.0": made_for(validators.OpenAPIV2SpecValidator, schemas.schema_v2),
    "3.0": made_for(validators.OpenAPIV30SpecValidator, schemas.schema_v30),
    "3.1": made_for(validators.OpenAPIV31SpecValidator, schemas.schema_v31),
    "3.2": made_for(validators.OpenAPIV32SpecValidator, schemas.schema_v32),
}
