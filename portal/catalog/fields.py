"""What may stand in a field. Each check gives the value as it is stored, or says in words what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from portal.accounts import RoleName, User
from portal.blanks import is_blank
from portal.catalog.models import Environment
from portal.catalog.regions import UNION, region_code
from portal.errors import Invalid

Check = Callable[[Any, str], Any]
Thing = TypeVar("Thing")

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749, section 3.3
UNWANTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
LINE_UNWANTED = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
LARGEST = 2_147_483_647
MOST_REGIONS = 40
PERIODS = ("second", "minute", "hour", "day", "week", "month", "year")


def checked(values: Mapping[str, Any], checks: Mapping[str, Check]) -> dict[str, Any]:
    """The values as they are stored. Raises Invalid for the first that is wrong or that cannot be set here."""
    if unknown := sorted(set(values) - set(checks)):
        raise Invalid(f"{', '.join(unknown)} cannot be changed here.", field=unknown[0])
    return {name: checks[name](value, name) for name, value in values.items()}


def line(label: str, most: int, *, required: bool = False) -> Check:
    """A text of one line."""

    def check(value: Any, field: str) -> str:
        text = _text(value, label, field)
        if LINE_UNWANTED.search(text):
            raise Invalid(f"{label} contains line breaks or characters that cannot be shown.", field=field)
        return _measured(text, label, most, required, field)

    return check


def prose(label: str, most: int) -> Check:
    """A text of several lines."""

    def check(value: Any, field: str) -> str:
        text = _text(value, label, field).replace("\r\n", "\n").replace("\r", "\n")
        if UNWANTED.search(text):
            raise Invalid(f"{label} contains characters that cannot be shown.", field=field)
        return _measured(text, label, most, False, field)

    return check


def slug(most: int) -> Check:
    """A name in URLs."""

    def check(value: Any, field: str) -> str:
        text = _text(value, "The URL name", field)
        if not SLUG.fullmatch(text) or len(text) > most:
            raise Invalid(
                f"A URL name has small letters a–z, digits and hyphens between them, at most {most} of them.",
                field=field,
            )
        return text

    return check


def web_address(label: str, most: int = 500) -> Check:
    """An absolute http or https URL, or nothing."""

    def check(value: Any, field: str) -> str:
        text: str = line(label, most)(value, field)
        if text and not is_web_address(text):
            raise Invalid(f"{label} must be an address such as https://api.example.com/v1.", field=field)
        return text

    return check


def is_web_address(text: str) -> bool:
    """Whether this is an absolute http or https URL without a password in it."""
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return (
        named
        and parts.scheme in ("http", "https")
        and "@" not in parts.netloc
        and not re.search(r"[\s<>\"'\\^`]", text)
    )


def one_of(kind: Callable[[Any], Thing], label: str, *, optional: bool = False) -> Check:
    """A word of a StrEnum; None where nothing need be said and nothing is."""

    def check(value: Any, field: str) -> Thing | None:
        if optional and value in (None, ""):
            return None
        try:
            return kind(value)
        except ValueError:
            raise Invalid(f"{label}: choose one of those that are offered.", field=field) from None

    return check


def number(label: str, *, least: int = 1, most: int = LARGEST, optional: bool = False) -> Check:
    """A whole number within bounds; None means without limit where that is possible."""

    def check(value: Any, field: str) -> int | None:
        if value is None and optional:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            more = ", or empty for no limit" if optional else ""
            raise Invalid(f"{label} must be a whole number from {least:,} to {most:,}{more}.", field=field)
        return value

    return check


def truth(value: Any, _field: str) -> bool:
    """Yes or no."""
    return bool(value)


def period(value: Any, field: str) -> str:
    """The time over which a quota is counted."""
    if value not in PERIODS:
        raise Invalid(f"The quota’s period must be one of: {', '.join(PERIODS)}.", field=field)
    return str(value)


def tags(value: Any, field: str) -> list[str]:
    """Up to 20 short words, each once."""
    words = [line("A tag", 40)(word, field) for word in _listed(value, field)]
    found: dict[str, str] = {}
    for word in filter(None, words):
        found.setdefault(word.casefold(), word)
    if len(found) > 20:
        raise Invalid("A product has at most 20 tags.", field=field)
    return list(found.values())


def scope_names(value: Any, field: str) -> list[str]:
    """Names of OAuth scopes, each once."""
    names = list(dict.fromkeys(_text(name, "A scope", field) for name in _listed(value, field)))
    for name in names:
        if not SCOPE.fullmatch(name) or len(name) > 100:
            raise Invalid(
                f"“{name[:40]}” cannot be the name of a scope: use letters, digits and : . _ - / without spaces.",
                field=field,
            )
    if len(names) > 500:
        raise Invalid("There are at most 500 scopes.", field=field)
    return names


def scopes(value: Any, field: str) -> list[dict[str, Any]]:
    """Scopes with their descriptions: ``{"name": …, "description": …}``."""
    entries = [entry if isinstance(entry, Mapping) else {"name": entry} for entry in _listed(value, field)]
    names = scope_names([entry.get("name", "") for entry in entries], field)
    if len(names) < len(entries):
        raise Invalid("Each scope can be named once.", field=field)
    describe = prose("A scope’s description", 1_000)
    return [
        {"name": name, "description": describe(entry.get("description") or "", field)}
        for name, entry in zip(names, entries, strict=True)
    ]


def environments(value: Any, field: str) -> list[str]:
    """The environments in which a product is offered: at least one, the least delicate first."""
    named = set(_listed(value, field))
    if not named:
        raise Invalid("A product is offered in at least one environment.", field=field)
    if not named <= set(Environment):
        raise Invalid("Choose from the environments that are offered.", field=field)
    return [each.value for each in Environment if each in named]


def regions(value: Any, field: str) -> list[str]:
    """Countries by code or name, and the union; each code once, the union first and then by the alphabet."""
    try:
        codes = {region_code(_text(word, "A region", field)) for word in _listed(value, field)}
    except ValueError as unknown:
        raise Invalid(str(unknown), field=field) from None
    if len(codes) > MOST_REGIONS:
        raise Invalid(f"At most {MOST_REGIONS} regions can be named.", field=field)
    return sorted(codes, key=lambda code: (code != UNION, code))


def zone(value: Any, field: str) -> str:
    """A time zone by its name in the IANA database."""
    text = _text(value, "The time zone", field) or "UTC"
    try:
        known = text == "UTC" or (len(text) <= 60 and bool(ZoneInfo(text)))
    except (OSError, ValueError, ZoneInfoNotFoundError):
        known = False
    if not known:
        raise Invalid("The time zone must be one of the IANA database, such as Europe/Berlin or UTC.", field=field)
    return text


def owners(value: Any, field: str) -> list[User]:
    """Active people who are API owners."""
    people = {person.id: person for person in _listed(value, field) if isinstance(person, User)}
    for person in people.values():
        if not person.active or RoleName.API_OWNER not in person.role_names:
            raise Invalid(f"{person.display_name} is not an active API owner.", field=field)
    return list(people.values())


def things(kind: type[Thing], label: str) -> Check:
    """Stored things of one kind, each once."""

    def check(value: Any, field: str) -> list[Thing]:
        found = [thing for thing in _listed(value, field) if thing is not None]
        if not all(isinstance(thing, kind) for thing in found):
            raise Invalid(f"{label}: choose from those that are offered.", field=field)
        return list(dict.fromkeys(found))

    return check


def _text(value: Any, label: str, field: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Invalid(f"{label} must be a text.", field=field)
    return value.strip()


def _measured(text: str, label: str, most: int, required: bool, field: str) -> str:
    if required and is_blank(text):
        raise Invalid(f"{label} is missing.", field=field)
    if len(text) > most:
        raise Invalid(f"{label} is too long: {len(text):,} characters where {most:,} fit.", field=field)
    return text


def _listed(value: Any, field: str) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise Invalid("A list is expected here.", field=field)
    return list(value)
