"""From a tree to a description: everything that a catalogue wants to know, faults noted on the way."""

from __future__ import annotations

import re
from typing import Any

from portal.catalog.descriptions import operations, security, servers
from portal.catalog.descriptions.loading import kind_of, load
from portal.catalog.descriptions.model import (
    DEFAULT,
    Description,
    Faults,
    Limits,
    Operation,
    Refused,
    Severity,
    shorten,
)
from portal.catalog.descriptions.parts import line_in, mapping_in, refuse_unless, text_in, text_of
from portal.catalog.descriptions.recognise import refuse_other_kind
from portal.catalog.descriptions.references import References, outward_references

VERSION = re.compile(r"2\.0|3\.[0-2](?:\.[0-9]{1,3})?(?:-[0-9A-Za-z.]{1,20})?")


def read(raw: bytes, *, limits: Limits = DEFAULT) -> Description:
    """The API description in a file. Raises Refused, with a reason for people, where there is none, or a danger."""
    faults = Faults(limits.faults)
    document, encoding = load(raw, limits, faults)
    version = version_of(document, faults)
    info = info_of(document, faults)
    references = References(document, limits, faults)
    outward = outward_references(document, limits.listed)
    if outward:
        faults.add(
            "file", f"Refers to {counted(len(outward), limits.listed)} outside this file; not fetched.", Severity.NOTE
        )
    schemes = security.schemes_of(document, version, references, faults)
    found = operations.operations_of(document, version, references, limits, faults)
    return Description(
        format="openapi",
        version=version,
        title=line_in(info, "title", "info", faults),
        api_version=line_in(info, "version", "info", faults),
        summary=line_in(info, "summary", "info", faults),
        description=text_in(info, "description", "info", faults),
        servers=servers.servers_of(document, version, limits, faults),
        operations=found,
        tags=tags_of(document, found, faults),
        security_schemes=schemes,
        scopes=security.scopes_of(schemes, document, version),
        faults=faults.listed(),
        external_references=outward,
        document=document,
        encoding=encoding,
        limits=limits,
    )


def counted(number: int, limit: int) -> str:
    """How many places outside, in words."""
    if number >= limit:
        return f"at least {number} places"
    return "1 place" if number == 1 else f"{number} places"


def version_of(document: dict[str, Any], faults: Faults) -> str:
    """The version of the specification that the document follows. One that is not known is refused."""
    name = "openapi" if "openapi" in document else "swagger"
    if name not in document:
        refuse_other_kind(document)
    version = document[name]
    if name == "swagger" and isinstance(version, (int, float)) and version == 2:
        faults.add("swagger", "The version must be a text in quotes, “2.0”, not a number.", Severity.ERROR)
        return "2.0"
    if not isinstance(version, str):
        raise Refused(f"{name}: a text such as “{example_of(name)}” is expected here, not {kind_of(version)}.")
    if not VERSION.fullmatch(version.strip()) or (name == "swagger") != version.strip().startswith("2"):
        shown = shorten(version.strip(), 40)
        raise Refused(f"{name}: the version “{shown}” is not known here. Portico reads 2.0, 3.0, 3.1 and 3.2.")
    return version.strip()


def example_of(name: str) -> str:
    """A version as it should be written."""
    return "3.0.3" if name == "openapi" else "2.0"


def info_of(document: dict[str, Any], faults: Faults) -> dict[str, Any]:
    """The part about the API itself. What stands there in another shape is refused, what is missing is a fault."""
    refuse_unless(dict, document, "info")
    info = mapping_in(document, "info", "", faults)
    for name in ("title", "version"):
        if isinstance(info.get(name), (dict, list)):
            refuse_unless(str, info, name, "info")
        if not text_of(info.get(name), f"info › {name}", Faults(1)):
            faults.add(f"info › {name}", f"The API has no {name}.", Severity.ERROR)
    return info


def tags_of(document: dict[str, Any], found: tuple[Operation, ...], faults: Faults) -> tuple[str, ...]:
    """The groups of operations: first as declared, then as they turn up."""
    declared = document.get("tags") or []
    if not isinstance(declared, list):
        faults.add("tags", f"A list is expected here, not {kind_of(declared)}.", Severity.ERROR)
        declared = []
    names: dict[str, None] = {}
    for index, tag in enumerate(declared):
        if isinstance(tag, dict) and isinstance(tag.get("name"), str):
            names.setdefault(tag["name"].strip())
        else:
            faults.add(f"tags › {index}", "The tag has no name.", Severity.ERROR)
    for operation in found:
        names.update(dict.fromkeys(operation.tags))
    return tuple(filter(None, names))
