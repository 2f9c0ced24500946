"""The way of a draft: to the second person, back, into force, or away."""

from __future__ import annotations

from flask import request, url_for
from flask.typing import ResponseReturnValue

from admin.policies import bp, find, outdated, page, refused, revision
from portal import policies
from portal.accounts import Right
from portal.db import transaction
from portal.errors import Conflict
from portal.policies import BadPolicy
from portal.web import current_person, done, key_of, requires


@bp.post("/policies/<key:version_id>/ask")
@requires(Right.EDIT_PRODUCTS)
def ask(version_id: int) -> ResponseReturnValue:
    """Put the draft before a second person."""
    version = find(version_id)
    try:
        with transaction():
            policies.ask_activation(version, by=current_person(), revision=revision())
    except BadPolicy as bad:
        return refused(version_id, bad.findings)
    except Conflict as stale:
        return outdated(version_id, stale)
    return done(page(version), "Somebody who wrote no part of it can put it in force now, and is told by mail.")


@bp.post("/policies/<key:version_id>/send-back")
@requires(Right.EDIT_PRODUCTS)
def send_back(version_id: int) -> ResponseReturnValue:
    """Make a draft of it again."""
    version = find(version_id)
    with transaction():
        policies.send_back(version, by=current_person(), revision=revision(), reason=request.form.get("reason", ""))
    return done(page(version), "It is a draft again.")


@bp.post("/policies/<key:version_id>/activate")
@requires(Right.EDIT_PRODUCTS)
def activate(version_id: int) -> ResponseReturnValue:
    """Put it in force, as the second person."""
    version = find(version_id)
    try:
        with transaction():
            label = policies.activate(
                version,
                by=current_person(),
                revision=revision(),
                in_place_of=key_of(request.form.get("in_place_of", "")),
            ).label
    except BadPolicy as bad:
        return refused(version_id, bad.findings)
    except Conflict as stale:
        return outdated(version_id, stale)
    return done(page(version), f"{label} is in force. Requests that are submitted from now on are judged by it.")


@bp.post("/policies/<key:version_id>/discard")
@requires(Right.EDIT_PRODUCTS)
def discard(version_id: int) -> ResponseReturnValue:
    """Give a draft up."""
    version = find(version_id)
    label = version.label
    with transaction():
        policies.discard(version, by=current_person(), revision=revision())
    return done(url_for("admin.policies.index"), f"{label} is given up.")


@bp.post("/policies/<key:version_id>/copy")
@requires(Right.EDIT_PRODUCTS)
def copy(version_id: int) -> ResponseReturnValue:
    """A new draft that begins as this version."""
    with transaction():
        source = find(version_id)
        draft = policies.create_draft(
            source.rules, name=source.name, product=source.product, like=source, by=current_person()
        )
    return done(page(draft), "The draft is made. It changes nothing before it is activated.")
