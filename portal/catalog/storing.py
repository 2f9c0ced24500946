"""What making and changing products, plans and catalogues have in common."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal.accounts import Right, User
from portal.catalog.descriptions import slug_of
from portal.catalog.fields import Check, checked
from portal.db import db, lock
from portal.errors import Conflict, Invalid, NotAllowed, NotFound


def free_slug(kind: type[Any], name: str, most: int, otherwise: str) -> str:
    """A name for addresses made from a name, with a number where it is taken."""
    base = slug_of(name, most - 8) or otherwise
    for suffix in ("", *(f"-{count}" for count in range(2, 10_000))):
        if db.session.scalar(select(kind.id).where(kind.slug == base + suffix)) is None:
            return base + suffix
    raise Conflict(f"There are too many things called {name[:60]}.")


def new_values(values: Mapping[str, Any], checks: Mapping[str, Check], kind: type[Any]) -> dict[str, Any]:
    """The checked values of a new thing, with an address of its own."""
    wanted = dict(values)
    if not wanted.get("slug"):
        wanted.pop("slug", None)
    given = {"name": checks["name"](wanted.get("name"), "name"), **checked(wanted, checks)}
    if "slug" not in given:
        otherwise = kind.__tablename__.replace("_", "-")
        given["slug"] = free_slug(kind, given["name"], kind.slug.type.length, otherwise)
    refuse_taken(kind, given)
    return given


def refuse_taken(kind: type[Any], values: Mapping[str, Any], itself: Any = None) -> None:
    """Say in words which name is taken. Two at once get past this; then the unique index decides (R14)."""
    for field, words in (("slug", "The URL name"), ("name", "The name")):
        if field not in values or not getattr(kind, field).property.columns[0].unique:
            continue
        query = select(kind.id).where(getattr(kind, field) == values[field])
        with db.session.no_autoflush:
            found = db.session.scalar(query)
        if found is not None and (itself is None or found != itself.id):
            raise Invalid(f"{words} “{values[field]}” is taken already.", field=field)


def store(thing: Any) -> None:
    """Write the thing now, so that a name that somebody else took at the same moment is told as such."""
    db.session.add(thing)
    name = thing.name
    try:
        db.session.flush()
    except IntegrityError as error:
        raise Conflict(f"Somebody else has just taken the name or URL name of “{name}”. Choose another.") from error


def locked(kind: type[Any], thing: Any, version: int | None, word: str) -> Any:
    """The thing as it is now, locked. Raises Conflict when it is not the version that the person saw."""
    fresh = lock(kind, thing.id)
    if fresh is None:
        raise NotFound(f"This {word} is no longer there.")
    if version is not None and fresh.version != version:
        raise Conflict(f"Somebody else has changed this {word} since you opened it. Look at it again before you save.")
    return fresh


def need(right: Right, by: User | None, message: str) -> None:
    """Raise NotAllowed for a person without this right."""
    if by is not None and not by.may(right):
        raise NotAllowed(message)


def changes(thing: Any, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What would change if these values were set: the fields before and after, without those that stay the same."""
    present = {field: getattr(thing, field) for field in given}
    before = {
        field: list(value) if isinstance(value, list) else value
        for field, value in present.items()
        if not _same(value, given[field])
    }
    return before, {field: given[field] for field in before}


def set_end(thing: Any, on: date | None, successor: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Set when this ends and what takes its place; what that changed, before and after."""
    before, after = changes(thing, {"retires_on": on, "successor": successor})
    for field, value in after.items():
        setattr(thing, field, value)
    db.session.flush()
    return before, after


def _same(present: Any, given: Any) -> bool:
    if isinstance(present, list) and present + given and hasattr((present + given)[0], "id"):
        return {thing.id for thing in present} == {thing.id for thing in given}
    return bool(present == given)
