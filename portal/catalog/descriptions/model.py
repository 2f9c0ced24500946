"""What is known of an API description once it has been read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from portal.errors import Invalid

Tree = Any
"""A document as JSON knows it: mappings with text keys, lists, text, numbers, booleans, null."""


class Refused(Invalid):
    """The file cannot be read as an API description, or would be dangerous to keep."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a description may ask of us."""

    size: int = 20 * 1024 * 1024  # bytes as given, and characters once repeated parts are written out
    depth: int = 150
    nodes: int = 1_500_000  # values, repeated parts (YAML aliases) counted each time
    digits: int = 400  # of one number
    hops: int = 50  # references in a row
    operations: int = 60_000
    faults: int = 100
    listed: int = 200  # references to elsewhere, servers, tags in lists for people
    check_steps: int = 60_000_000
    check_seconds: float = 120.0


DEFAULT = Limits()


class Severity(StrEnum):
    """How much a fault matters to those who use the description."""

    ERROR = "error"  # breaks a rule of the specification
    WARNING = "warning"  # read in spite of it, but perhaps not as it was meant
    NOTE = "note"  # worth knowing


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in the file that its makers should mend, and where it stands."""

    place: str
    message: str
    severity: Severity = Severity.WARNING

    def as_dict(self) -> dict[str, Any]:
        """The fault as JSON keeps it."""
        return {"place": self.place, "message": self.message, "severity": self.severity.value}

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class Faults:
    """Collects faults, each once, and stops at a number nobody reads any more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._found: dict[tuple[str, str], Fault] = {}

    def add(self, place: str, message: str, severity: Severity = Severity.WARNING) -> None:
        """Note a fault, unless it is known or there are too many."""
        if not self.full:
            self._found.setdefault((place, message), Fault(shorten(place, 300), shorten(message, 500), severity))

    @property
    def full(self) -> bool:
        """Whether no more faults are taken."""
        return len(self._found) >= self._limit

    def listed(self) -> tuple[Fault, ...]:
        """The faults in the order in which they were found."""
        return tuple(self._found.values())


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that the caller sends beside the body."""

    name: str
    location: str
    required: bool = False
    type: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that an operation can give."""

    status: str
    description: str = ""


Requirement = Mapping[str, tuple[str, ...]]
"""Schemes that are needed together, each with its scopes. An empty one: no authentication."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path."""

    method: str
    path: str
    operation_id: str = ""
    summary: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    deprecated: bool = False
    parameters: tuple[Parameter, ...] = ()
    has_request_body: bool = False
    request_media_types: tuple[str, ...] = ()
    responses: tuple[Response, ...] = ()
    security: tuple[Requirement, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The operation as JSON keeps it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SecurityScheme:
    """A way to prove who calls: one entry for each OAuth flow."""

    name: str
    type: str
    flow: str = ""
    scopes: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """An OpenAPI document, read without touching anything outside the file."""

    format: str
    version: str
    title: str
    api_version: str
    summary: str
    description: str
    servers: tuple[str, ...]
    operations: tuple[Operation, ...]
    tags: tuple[str, ...]
    security_schemes: tuple[SecurityScheme, ...]
    scopes: Mapping[str, str]
    faults: tuple[Fault, ...]
    external_references: tuple[str, ...]
    document: dict[str, Any] = field(repr=False)
    encoding: str = "json"
    limits: Limits = field(default=DEFAULT, repr=False)

    def to_json(self) -> bytes:
        """The document for the viewer: JSON, with nothing in it that a browser would fetch from elsewhere by itself."""
        from portal.catalog.descriptions.viewer import viewer_json

        return viewer_json(self.document)


def shorten(text: str, length: int) -> str:
    """The text, cut in the middle if it is longer than a person wants to read."""
    if len(text) <= length:
        return text
    tail = length // 3
    return f"{text[: length - tail - 3]} … {text[-tail:]}"


def place_of(*steps: object) -> str:
    """Where something stands in the document, for people: ``paths › /pets › get``."""
    return " › ".join(str(step) for step in steps if step != "")
