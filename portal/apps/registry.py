"""Making, finding and changing developer apps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import joinedload

from portal.accounts import Right, User
from portal.apps.models import DeveloperApp, Visibility
from portal.db import db, now
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind, changed_fields, record

EDITABLE_FIELDS = frozenset({"name", "description", "redirect_urls", "visibility"})
MOST_APPS = 200


def add_app(
    name: str,
    *,
    by: User,
    description: str = "",
    redirect_urls: Sequence[str] = (),
    visibility: Visibility = Visibility.PERSONAL,
) -> DeveloperApp:
    """A new app of this developer. Raises Invalid for an empty or taken name or a bad URL, NotAllowed for non-consumers."""
    if not by.may(Right.REQUEST_ACCESS):
        raise NotAllowed("Only API consumers have developer apps.")
    _check_name(name, owner=by)
    _check_urls(redirect_urls)
    if by.organisation.is_default:
        visibility = Visibility.PERSONAL  # T31: people on their own share with nobody
    app = DeveloperApp(
        name=name.strip(),
        description=description.strip(),
        redirect_urls=list(redirect_urls),
        visibility=visibility,
        owner=by,
        organisation_id=by.organisation_id,
    )
    db.session.add(app)
    record(EventKind.APP_CREATED, subject=app, by=by, after={"name": app.name, "visibility": visibility})
    return app


def change_app(app: DeveloperApp, values: Mapping[str, Any], *, by: User) -> None:
    """Change an app's own fields. Raises NotAllowed unless ``by`` owns it, Invalid for a bad value."""
    if not app.is_editable_by(by):
        raise NotAllowed("Only the owner of an app can change it.")
    if unknown := set(values) - EDITABLE_FIELDS:
        raise Invalid(f"{', '.join(sorted(unknown))} cannot be changed.")
    if "name" in values and values["name"] != app.name:
        _check_name(values["name"], owner=by)
    _check_urls(values.get("redirect_urls", ()))
    before, after = changed_fields(app, values)
    for field, value in after.items():
        setattr(app, field, value)
    if after:
        record(EventKind.APP_CHANGED, subject=app, by=by, before=before, after=after)


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


def _check_name(name: str, *, owner: User) -> None:
    if not name.strip():
        raise Invalid("Give the app a name.", field="name")
    mine = apps_of(owner)
    if any(app.name.casefold() == name.strip().casefold() for app in mine):
        raise Invalid(f"You already have an app called {name.strip()}.", field="name")
    if len(mine) >= MOST_APPS:
        raise Invalid(f"You have {MOST_APPS} apps, which is the most one person can have.", field="name")


def _check_urls(urls: Sequence[str]) -> None:
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.fragment:
            raise Invalid(f"{url} is not an absolute http or https address without a fragment.", field="redirect_urls")
