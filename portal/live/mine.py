"""Whose an app is: what each page about one app, or one of its credentials, asks before anything else."""

from __future__ import annotations

from portal import apps, credentials
from portal.apps import DeveloperApp
from portal.credentials import Credential
from portal.errors import NotAllowed
from portal.web import current_person, found


def visible_app(app_id: int) -> DeveloperApp:
    """The person's own app or one that is shared with them; 404 for all others, also for who sees more as reviewer."""
    person = current_person()
    app = found(apps.find_app(app_id, seen_by=person))
    return found(app if app.is_visible_to(person) else None)


def own_app(app_id: int) -> DeveloperApp:
    """The person's own app: 404 for one they can't see, 403 for one that a colleague shares."""
    app = visible_app(app_id)
    if not app.is_editable_by(current_person()):
        raise NotAllowed(f"Only {app.owner.display_name}, who owns this app, can do that.")
    return app


def own_credential(app_id: int, credential_id: int) -> Credential:
    """A credential of the person's own app: 404 for an app they can't see, 403 for one that a colleague shares."""
    return found(credentials.find_credential(credential_id, app=own_app(app_id)))
