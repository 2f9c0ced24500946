"""The list of operations: read without expanding any schema, so that its cost grows with the list alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from portal.catalog.descriptions.bodies import body_of, parameters_of, responses_of
from portal.catalog.descriptions.loading import kind_of
from portal.catalog.descriptions.model import Faults, Limits, Operation, Refused, Requirement, Severity, place_of
from portal.catalog.descriptions.parts import line_in, refuse_unless, text_in, texts_in
from portal.catalog.descriptions.references import References
from portal.catalog.descriptions.security import requirements_of

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
OPERATION_TEXT = 20_000


def operations_of(
    document: dict[str, Any], version: str, references: References, limits: Limits, faults: Faults
) -> tuple[Operation, ...]:
    """Every operation, in the order of the paths."""
    found: list[Operation] = []
    reader = OperationReader(document, version, references, faults)
    for path, item, place in path_items(document, references, faults):
        found.extend(reader.operations_at(path, item, place))
        if len(found) > limits.operations:
            raise Refused(f"The file describes more than {limits.operations:,} operations.")
    note_repeated_ids(found, faults)
    return tuple(found)


def path_items(
    document: dict[str, Any], references: References, faults: Faults
) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Each path with what stands there."""
    paths = document.get("paths")
    if paths is None:
        if not any(document.get(name) for name in ("webhooks", "components")):
            faults.add("paths", "The description has no paths.", Severity.ERROR)
        return
    refuse_unless(dict, document, "paths")
    for path, value in paths.items():
        if path.startswith("x-"):
            continue
        place = place_of("paths", path)
        if not path.startswith("/"):
            faults.add(place, "A path must begin with “/”.", Severity.ERROR)
        item = references.follow(value, place)
        if item is not None:
            yield path, item, place


def note_repeated_ids(found: list[Operation], faults: Faults) -> None:
    """An operationId names one operation."""
    seen: set[str] = set()
    for operation in found:
        if operation.operation_id and operation.operation_id in seen:
            place = place_of("paths", operation.path, operation.method.lower(), "operationId")
            faults.add(place, f"“{operation.operation_id}” names another operation already.", Severity.ERROR)
        seen.add(operation.operation_id)


class OperationReader:
    """Reads operations, each with what its path and the document give to all."""

    def __init__(self, document: dict[str, Any], version: str, references: References, faults: Faults) -> None:
        self._document = document
        self._version = version
        self._references = references
        self._faults = faults
        self._security = requirements_of(document.get("security"), "security", faults)
        self._consumes = texts_in(document, "consumes", "", faults) if version.startswith("2") else ()

    def operations_at(self, path: str, item: dict[str, Any], place: str) -> Iterator[Operation]:
        """The operations of one path."""
        for method, value in self._methods(item):
            where = place_of(place, method)
            if isinstance(value, dict):
                yield self._operation(path, method.upper(), item, value, where)
            else:
                self._faults.add(where, f"A mapping is expected here, not {kind_of(value)}.", Severity.ERROR)

    def _methods(self, item: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        newer = self._version.startswith("3.2")
        for name, value in item.items():
            if name in METHODS or (newer and name == "query"):
                yield name, value
        more = item.get("additionalOperations") if newer else None
        if isinstance(more, dict):
            yield from ((name, value) for name, value in more.items() if name.isalpha() and len(name) <= 20)

    def _operation(self, path: str, method: str, item: dict[str, Any], value: dict[str, Any], place: str) -> Operation:
        faults, references = self._faults, self._references
        has_body, media_types = body_of(value, item, self._consumes, references, place, faults)
        return Operation(
            method=method,
            path=path,
            operation_id=line_in(value, "operationId", place, faults),
            summary=line_in(value, "summary", place, faults),
            description=text_in(value, "description", place, faults)[:OPERATION_TEXT],
            tags=texts_in(value, "tags", place, faults),
            deprecated=value.get("deprecated") is True,
            parameters=parameters_of(value, item, references, place, faults),
            has_request_body=has_body,
            request_media_types=media_types,
            responses=responses_of(value, references, place, faults),
            security=self._security_of(value, place),
        )

    def _security_of(self, value: dict[str, Any], place: str) -> tuple[Requirement, ...]:
        if "security" in value:
            return requirements_of(value["security"], place_of(place, "security"), self._faults)
        return self._security
