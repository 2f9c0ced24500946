"""My Apps: developer apps with their access and credentials."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, url_for
from flask.typing import ResponseReturnValue

from portal import access, apps, credentials, events, lifecycle, register
from portal.access import RequestKind
from portal.accounts import Right
from portal.apps import DeveloperApp
from portal.credentials import Credential
from portal.db import transaction
from portal.errors import Invalid
from portal.events import EventKind
from portal.live.app_fields import AppFields, app_description, app_name
from portal.live.mine import own_app, own_credential, visible_app
from portal.live.renewal import notice_days
from portal.web import blame, current_person, done, name_and_key_in_url, page_of, render, requires, searched

bp = Blueprint("apps", __name__)
PAGE_SIZE = 25


class AppForm(AppFields):
    """What an app's owner says about it."""

    name = app_name("Name")
    description = app_description()

    def values(self) -> dict[str, Any]:
        """The app's fields as the room takes them."""
        return self.app_values(self.name, self.description)


@bp.get("/apps")
@requires(Right.REQUEST_ACCESS)
def index() -> ResponseReturnValue:
    """The person's apps and those that colleagues share, by name, with what each holds."""
    person, search, after = current_person(), searched(), name_and_key_in_url("after")
    rows, more = page_of(apps.apps_visible_to(person, search=search, after=after, size=PAGE_SIZE + 1), PAGE_SIZE)
    return render(
        "live/apps/index.html",
        rows=rows,
        more=more,
        search=search,
        tallies=access.tallies([app.id for app in rows]),
        emergency=bool(access.envelopes_for(person)),
    )


@bp.get("/apps/new")
@requires(Right.REQUEST_ACCESS)
def new() -> ResponseReturnValue:
    """The form for a new app."""
    return _form("live/apps/new.html", AppForm(formdata=None))


@bp.post("/apps/new")
@requires(Right.REQUEST_ACCESS)
def create() -> ResponseReturnValue:
    """Make an app."""
    form = AppForm()
    if not form.validate():
        return _form("live/apps/new.html", form, status=422)
    try:
        with transaction():
            app = apps.add_app(**form.values(), by=current_person())
            app_id, name = app.id, app.name
    except Invalid as refusal:
        blame(form, refusal)
        return _form("live/apps/new.html", form, status=422)
    return done(url_for("live.apps.show", app_id=app_id), f"The app {name} is ready. Now choose what it may call.")


@bp.get("/apps/<key:app_id>")
@requires(Right.REQUEST_ACCESS)
def show(app_id: int) -> ResponseReturnValue:
    """An app: what it is, what it may call, and its credentials."""
    app = visible_app(app_id)
    grants = access.grants_of(app)
    held = credentials.credentials_of(app)
    live = [credential for credential in held if credential.is_live]
    pending, emergencies = access.pending_requests_of(app), access.emergency_credentials(app)
    return render(
        "live/apps/show.html",
        app=app,
        is_mine=app.is_editable_by(current_person()),
        pending=pending,
        waits_for=access.awaited,
        grants=[grant for grant in grants if grant.is_held],
        ended=[grant for grant in grants if not grant.is_held],
        credentials=live,
        over=[credential for credential in held if not credential.is_live],
        opened={c.id: [g for g in grants if g.is_held and g.credential_id == c.id] for c in held},
        samples={c.id: _samples(c, grants) for c in held if c.is_live},
        emergencies=emergencies,
        uses=register.use_of([grant for grant in grants if grant.is_held]),
        handed_over=access.secrets_known_since(app),
        renewable=access.renewable_credentials(grants, notice_days(), without=emergencies),
        changing={asked.credential_id: asked for asked in pending if asked.kind is RequestKind.PLAN_CHANGE},
        renewals={asked.credential_id: asked for asked in pending if asked.kind is RequestKind.RENEWAL},
        to_accept=lifecycle.terms_to_accept(live),
        receipts=credentials.receipts_of([credential.id for credential in held]),
        stopped={c.id: events.last_event(EventKind.CREDENTIAL_SECRET_STOPPED, c) for c in live if c.lost_its_secret},
    )


@bp.get("/apps/<key:app_id>/edit")
@requires(Right.REQUEST_ACCESS)
def edit(app_id: int) -> ResponseReturnValue:
    """The form for an app's own fields."""
    app = own_app(app_id)
    form = AppForm(formdata=None, obj=app)
    form.redirect_urls.data = ", ".join(app.redirect_urls)
    form.visibility.data = app.visibility.value
    return _form("live/apps/edit.html", form, app=app)


@bp.post("/apps/<key:app_id>/edit")
@requires(Right.REQUEST_ACCESS)
def save(app_id: int) -> ResponseReturnValue:
    """Change an app's own fields."""
    app, form = own_app(app_id), AppForm()
    if not form.validate():
        return _form("live/apps/edit.html", form, app=app, status=422)
    try:
        with transaction():
            apps.change_app(app, form.values(), by=current_person())
    except Invalid as refusal:
        blame(form, refusal)
        return _form("live/apps/edit.html", form, app=own_app(app_id), status=422)
    return done(url_for("live.apps.show", app_id=app_id), "Your changes have been saved.")


@bp.post("/apps/<key:app_id>/delete")
@requires(Right.REQUEST_ACCESS)
def delete(app_id: int) -> ResponseReturnValue:
    """Take an app away with its pending requests, access and credentials."""
    app = own_app(app_id)
    name = app.name
    with transaction():
        access.delete_app(app, by=current_person())
    return done(
        url_for("live.apps.index"), f"The app {name} has been deleted. Its credentials stopped working at once."
    )


@bp.post("/apps/<key:app_id>/credentials/<key:credential_id>/revoke")
@requires(Right.REQUEST_ACCESS)
def revoke_credential(app_id: int, credential_id: int) -> ResponseReturnValue:
    """End a credential and all that it opened; others stay as they are (T85)."""
    credential = own_credential(app_id, credential_id)
    client_id = credential.client_id
    with transaction():
        access.revoke_credential(credential, by=current_person(), reason="Revoked by the app’s owner.")
    return done(url_for("live.apps.show", app_id=app_id), f"The credential {client_id} has been revoked.")


def _samples(credential: Credential, grants: Any) -> list[tuple[str, str]]:
    mine = [grant for grant in grants if grant.credential_id == credential.id and grant.is_live and not grant.is_shut]
    products = [grant.product for grant in mine]
    return credentials.samples_for(credential, current_app.config["PORTICO"].base_url, products)


def _form(page: str, form: AppForm, *, app: DeveloperApp | None = None, status: int = 200) -> ResponseReturnValue:
    form.name.flags.required = form.visibility.flags.required = True
    may_share = not current_person().organisation.is_default
    return render(page, status=status, form=form, app=app, may_share=may_share)
