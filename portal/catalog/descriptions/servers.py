"""Where the API answers, as far as the description says so in absolute addresses."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from portal.catalog.descriptions.model import Faults, Limits, Severity, place_of, shorten
from portal.catalog.descriptions.parts import list_in, mapping_in, text_in, texts_in

VARIABLE = re.compile(r"\{([^{}]*)\}")
SCHEMES = ("https", "http", "wss", "ws")
LENGTH = 500


def servers_of(document: dict[str, Any], version: str, limits: Limits, faults: Faults) -> tuple[str, ...]:
    """The absolute addresses, in the order of the description, without those that are relative or of no use."""
    found = swagger_servers(document, faults) if version.startswith("2") else openapi_servers(document, limits, faults)
    usable = [url for place, url in found if is_usable(url, place, faults)]
    return tuple(dict.fromkeys(usable))[: limits.listed]


def swagger_servers(document: dict[str, Any], faults: Faults) -> list[tuple[str, str]]:
    """Swagger 2.0: schemes, host and basePath. Without a scheme, https is meant."""
    host = text_in(document, "host", "", faults)
    path = text_in(document, "basePath", "", faults)
    if not host:
        return []
    scheme, separator, rest = host.rpartition("://")
    if separator:
        faults.add("host", f"The host must stand without “{shorten(scheme, 20)}://”.", Severity.ERROR)
        host = rest.rstrip("/")
    schemes = texts_in(document, "schemes", "", faults) or ("https",)
    base = "/" + path.strip("/") if path.strip("/") else ""
    return [("host", f"{scheme}://{host}{base}") for scheme in sorted(schemes, key=lambda name: name != "https")]


def openapi_servers(document: dict[str, Any], limits: Limits, faults: Faults) -> list[tuple[str, str]]:
    """OpenAPI 3: a list, with variables, which take their default."""
    found = []
    for index, server in enumerate(list_in(document, "servers", "", faults)[: limits.listed]):
        place = place_of("servers", index)
        if not isinstance(server, dict):
            faults.add(place, "A mapping with “url” is expected here.", Severity.ERROR)
            continue
        url = text_in(server, "url", place, faults)
        if url:
            found.append((place, filled(url, mapping_in(server, "variables", place, faults))))
    return found


def filled(url: str, variables: dict[str, Any]) -> str:
    """The address with each variable replaced by its default, where it has one."""

    def default(match: re.Match[str]) -> str:
        variable = variables.get(match[1])
        value = variable.get("default") if isinstance(variable, dict) else None
        return value if isinstance(value, str) and value else match[0]

    return VARIABLE.sub(default, url[:LENGTH]).rstrip("/")


def is_usable(url: str, place: str, faults: Faults) -> bool:
    """Whether people can call this address."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in SCHEMES and bool(parts.hostname) and not re.search(r"[\s<>\"'\\]", url)
    except ValueError:
        usable = False
    if usable and len(url) <= LENGTH:
        return True
    if url.startswith("/") or url in ("", "."):
        faults.add(
            place,
            f"The address “{shorten(url, 100)}” is relative, so nobody can tell from it where to call.",
            Severity.NOTE,
        )
    else:
        faults.add(place, f"The address “{shorten(url, 100)}” cannot be called.")
    return False
