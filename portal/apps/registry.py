"""Making, finding and changing developer apps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import joinedload

from portal.accounts import Right, User
from portal.apps.models import DeveloperApp, Visibility
from portal.blanks import is_blank
from portal.db import db, lock, now
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind, changed_fields, record

EDITABLE_FIELDS = frozenset({"name", "description", "redirect_urls", "visibility"})
MOST_APPS = 200
MOST_URLS = 20
LONGEST_NAME = 120
LONGEST_DESCRIPTION = 4000
LONGEST_URL = 500
NOBODY = "Nobody with this address can have the app."


def add_app(
    name: str,
    *,
    by: User,
    description: str = "",
    redirect_urls: Sequence[str] = (),
    visibility: Visibility = Visibility.PERSONAL,
) -> DeveloperApp:
    """A new app of this developer. Raises Invalid for an empty or taken name or a bad URL, NotAllowed for others."""
    if not by.may(Right.REQUEST_ACCESS):
        raise NotAllowed("Only API consumers have developer apps.")
    lock(User, by.id)  # two tabs that make the same app at once wait here for each other
    _check_name(name, owner=by)
    _check_description(description)
    _check_urls(redirect_urls)
    app = DeveloperApp(
        name=name.strip(),
        description=description.strip(),
        redirect_urls=list(redirect_urls),
        visibility=_allowed(visibility, by),
        owner=by,
        organisation_id=by.organisation_id,
    )
    db.session.add(app)
    record(EventKind.APP_CREATED, subject=app, by=by, after={"name": app.name, "visibility": app.visibility})
    return app


def change_app(app: DeveloperApp, values: Mapping[str, Any], *, by: User) -> None:
    """Change an app's own fields. Raises NotAllowed unless ``by`` owns it, Invalid for a bad value."""
    locked = lock(DeveloperApp, app.id)
    if locked is None or not locked.is_editable_by(by):
        raise NotAllowed("Only the owner of an app can change it.")
    if unknown := set(values) - EDITABLE_FIELDS:
        raise Invalid(f"{', '.join(sorted(unknown))} cannot be changed.")
    tidy = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
    if "name" in tidy:
        _check_name(tidy["name"], owner=by, renamed=locked)
    _check_description(tidy.get("description", ""))
    _check_urls(tidy.get("redirect_urls", ()))
    if "visibility" in tidy:
        tidy["visibility"] = _allowed(Visibility(tidy["visibility"]), by)
    before, after = changed_fields(locked, tidy)
    for field, value in after.items():
        setattr(locked, field, value)
    if after:
        record(EventKind.APP_CHANGED, subject=locked, by=by, before=before, after=after)


def change_owner(app: DeveloperApp, to: User, *, by: User, reason: str = "") -> None:
    """Give a locked app to somebody else, locked as well. ``access.transfer_app`` does this with all that hangs on it.

    Its owner gives it to colleagues in the same organisation; administrators to anybody who may have apps. Raises
    NotAllowed for others, Invalid when the person cannot have it.
    """
    if not app.is_live or not (app.owner_id == by.id or by.may(Right.EDIT_USERS)):
        raise NotAllowed("Only the owner of an app and administrators can give it to somebody else.")
    _check_new_owner(app, to, by)
    before = {"owner": app.owner.email, "organisation": app.organisation.name}
    app.owner, app.organisation = to, to.organisation
    app.visibility = _allowed(app.visibility, to)
    db.session.flush()
    after = {"owner": to.email, "organisation": to.organisation.name}
    record(EventKind.APP_TRANSFERRED, subject=app, by=by, reason=reason, before=before, after=after)


def split_urls(text: str) -> list[str]:
    """The addresses that a person wrote with commas or line breaks between them, each once (T30)."""
    return list(dict.fromkeys(part.strip() for part in re.split(r"[,\n]", text) if part.strip()))


def mark_deleted(app: DeveloperApp, *, by: User) -> None:
    """Take an app away while its history stays. ``access.delete_app`` does this with all that hangs on it."""
    if not app.is_live:
        raise Conflict("This app has already been deleted.")
    app.deleted_at = now()
    record(EventKind.APP_DELETED, subject=app, by=by)


def apps_of(owner: User) -> Sequence[DeveloperApp]:
    """The person's own live apps, by name: those for which they may ask access."""
    mine = select(DeveloperApp).where(DeveloperApp.owner_id == owner.id, DeveloperApp.deleted_at.is_(None))
    return db.session.scalars(mine.order_by(DeveloperApp.name, DeveloperApp.id)).all()


def apps_visible_to(
    user: User, *, search: str = "", after: tuple[str, int] | None = None, size: int = 50
) -> Sequence[DeveloperApp]:
    """The person's own apps and those that colleagues share, by name, paged by (name, id)."""
    shared = and_(
        DeveloperApp.organisation_id == user.organisation_id, DeveloperApp.visibility == Visibility.ORGANISATION
    )
    return _page(_live(search).where(or_(DeveloperApp.owner_id == user.id, shared)), after, size)


def apps_page(*, search: str = "", after: tuple[str, int] | None = None, size: int = 50) -> Sequence[DeveloperApp]:
    """All live apps by name, paged by (name, id); for the Admin Portal."""
    return _page(_live(search), after, size)


def apps_without_owner(*, size: int = 20) -> Sequence[DeveloperApp]:
    """Live apps whose owner's account is closed, by name: they get no token until somebody else has them (C102)."""
    closed = select(User.id).where(~User.active)
    return _page(_live("").where(DeveloperApp.owner_id.in_(closed)), None, size)


def find_app(app_id: int, *, seen_by: User) -> DeveloperApp | None:
    """The app as this person may see it; None when it is deleted or not theirs to see."""
    app = db.session.get(DeveloperApp, app_id)
    if app is None or not app.is_live:
        return None
    return app if app.is_visible_to(seen_by) or seen_by.may(Right.SEE_APPS) else None


def _live(search: str) -> Any:
    query = select(DeveloperApp).where(DeveloperApp.deleted_at.is_(None))
    query = query.options(joinedload(DeveloperApp.owner), joinedload(DeveloperApp.organisation))
    return query.where(DeveloperApp.name.icontains(search, autoescape=True)) if search else query


def _page(query: Any, after: tuple[str, int] | None, size: int) -> Sequence[DeveloperApp]:
    if after:
        name, app_id = after
        query = query.where(or_(DeveloperApp.name > name, and_(DeveloperApp.name == name, DeveloperApp.id > app_id)))
    return list(db.session.scalars(query.order_by(DeveloperApp.name, DeveloperApp.id).limit(size)).unique())


def _allowed(visibility: Visibility, owner: User) -> Visibility:
    """People on their own share with nobody (T31, T81)."""
    return Visibility.PERSONAL if owner.organisation.is_default else visibility


def _check_name(name: str, *, owner: User, renamed: DeveloperApp | None = None) -> None:
    wanted = name.strip()
    if is_blank(wanted):
        raise Invalid("Give the app a name.", field="name")
    if len(wanted) > LONGEST_NAME:
        raise Invalid(f"The name is longer than {LONGEST_NAME} characters.", field="name")
    others = [app for app in apps_of(owner) if app is not renamed]
    if any(app.name.casefold() == wanted.casefold() for app in others):
        raise Invalid(f"You already have an app called {wanted}.", field="name")
    if len(others) >= MOST_APPS:
        raise Invalid(f"You have {MOST_APPS} apps, which is the most one person can have.", field="name")


def _check_new_owner(app: DeveloperApp, to: User, by: User) -> None:
    if to.id == app.owner_id:
        raise Invalid("This is the owner of the app already.", field="email")
    colleague = to.organisation_id == app.organisation_id and not to.organisation.is_default
    if not (to.active and to.may(Right.REQUEST_ACCESS) and (colleague or by.may(Right.EDIT_USERS))):
        raise Invalid(NOBODY, field="email")
    others = apps_of(to)
    if any(other.name.casefold() == app.name.casefold() for other in others):
        raise Invalid(
            f"{to.display_name} already has an app called {app.name}. Rename one of them first.", field="email"
        )
    if len(others) >= MOST_APPS:
        raise Invalid(f"{to.display_name} has {MOST_APPS} apps, which is the most one person can have.", field="email")


def _check_description(text: str) -> None:
    if len(text) > LONGEST_DESCRIPTION:
        raise Invalid(f"The description is longer than {LONGEST_DESCRIPTION} characters.", field="description")


def _check_urls(urls: Sequence[str]) -> None:
    if len(urls) > MOST_URLS:
        raise Invalid(f"An app has at most {MOST_URLS} redirect URLs.", field="redirect_urls")
    for url in urls:
        if not _is_web_address(url):
            raise Invalid(
                f"{url[:80]} is not an absolute http or https address without a fragment.", field="redirect_urls"
            )


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
            and "#" not in url
            and len(url) <= LONGEST_URL
            and url.isprintable()
            and " " not in url
        )
    except ValueError:
        return False
