"""How callers prove who they are, and which scopes there are."""

from __future__ import annotations

from typing import Any

from portal.catalog.descriptions.model import (
    DEFAULT,
    Faults,
    Requirement,
    SecurityScheme,
    Severity,
    Tree,
    place_of,
    shorten,
)
from portal.catalog.descriptions.parts import mapping_in, text_in
from portal.catalog.descriptions.references import References

NO_LIMITS = DEFAULT
SCHEMES_READ = 200
SCOPES_READ = 1_000


def schemes_of(
    document: dict[str, Any], version: str, references: References, faults: Faults
) -> tuple[SecurityScheme, ...]:
    """The declared schemes; one with several OAuth flows gives an entry for each flow."""
    place, declared = declared_schemes(document, version, faults)
    found: list[SecurityScheme] = []
    for name, value in list(declared.items())[:SCHEMES_READ]:
        scheme = references.follow(value, place_of(place, name))
        if scheme is not None:
            found.extend(entries(name, scheme, place_of(place, name), faults))
    return tuple(found)


def declared_schemes(document: dict[str, Any], version: str, faults: Faults) -> tuple[str, dict[str, Any]]:
    """Where the schemes stand, and they."""
    if version.startswith("2"):
        return "securityDefinitions", mapping_in(document, "securityDefinitions", "", faults)
    components = mapping_in(document, "components", "", faults)
    return "components › securitySchemes", mapping_in(components, "securitySchemes", "components", faults)


def entries(name: str, scheme: dict[str, Any], place: str, faults: Faults) -> list[SecurityScheme]:
    """One scheme, or one for each of its flows."""
    kind = text_in(scheme, "type", place, faults)
    words = text_in(scheme, "description", place, faults)
    if not kind:
        faults.add(place, "The security scheme has no type.", Severity.ERROR)
    if kind == "http":
        kind = f"http {text_in(scheme, 'scheme', place, faults).lower()}".strip()
    if kind != "oauth2":
        return [SecurityScheme(name, kind, description=words)]
    return [
        SecurityScheme(name, kind, flow, tuple(scopes), words) for flow, scopes in flows_of(scheme, place, faults)
    ] or [SecurityScheme(name, kind, description=words)]


def flows_of(scheme: dict[str, Any], place: str, faults: Faults) -> list[tuple[str, dict[str, Any]]]:
    """Each flow with its scopes, in the manner of Swagger 2.0 and of OpenAPI 3."""
    if "flows" not in scheme:
        flow = text_in(scheme, "flow", place, faults)
        scopes = mapping_in(scheme, "scopes", place, faults)
        return [(flow, bounded(scopes))] if flow or scopes else []
    flows = mapping_in(scheme, "flows", place, faults)
    found = []
    for name in list(flows)[:10]:
        flow_place = place_of(place, "flows", name)
        flow_parts = mapping_in(flows, name, place_of(place, "flows"), faults)
        found.append((name, bounded(mapping_in(flow_parts, "scopes", flow_place, faults))))
    return found


def bounded(scopes: dict[str, Any]) -> dict[str, Any]:
    """The first thousand scopes, without vendor extensions."""
    names = [name for name in scopes if name and not name.startswith("x-")]
    return {name: scopes[name] for name in names[:SCOPES_READ]}


def scopes_of(schemes: tuple[SecurityScheme, ...], document: dict[str, Any], version: str) -> dict[str, str]:
    """All scopes of all schemes, each with its description."""
    silent = Faults(0)
    _, declared = declared_schemes(document, version, silent)
    references = References(document, NO_LIMITS, silent)
    found: dict[str, str] = {}
    for name in dict.fromkeys(scheme.name for scheme in schemes):
        scheme = references.follow(declared[name], "") or {}
        for _, scopes in flows_of(scheme, "", silent):
            for scope, words in scopes.items():
                if not found.get(scope):
                    found[scope] = shorten(words.strip(), 1_000) if isinstance(words, str) else ""
    return found


def requirements_of(value: Tree, place: str, faults: Faults) -> tuple[Requirement, ...]:
    """The alternatives by which an operation can be called; an empty one means: without proving anything."""
    if value is None:
        return ()
    if not isinstance(value, list):
        faults.add(place, "A list is expected here.", Severity.ERROR)
        return ()
    found = []
    for index, requirement in enumerate(value[:20]):
        if isinstance(requirement, dict):
            found.append({name: texts(scopes) for name, scopes in list(requirement.items())[:20]})
        else:
            faults.add(place_of(place, index), "A mapping is expected here.", Severity.ERROR)
    return tuple(found)


def texts(value: Tree) -> tuple[str, ...]:
    """The texts in what should be a list of texts."""
    return tuple(item for item in value[:100] if isinstance(item, str)) if isinstance(value, list) else ()
