"""The review stages of an installation: the shipped ones as they are, changed to taste, and others beside them.

Requests under way keep the set-up that they were submitted with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal.accounts import Right, RoleName, User, find_group
from portal.db import db, lock
from portal.errors import Conflict, Invalid, NotAllowed, NotFound
from portal.events import EventKind, record
from portal.policies.evaluate import BASE_STAGE
from portal.policies.rules import Policy
from portal.policies.staffable import anybody_for, shortage_of
from portal.policies.stages import KEY, SHIPPED_STAGES, StageTemplate
from portal.policies.versions import PolicyState, PolicyVersion, StageTemplateRow, stage_templates

LIVE = (PolicyState.ACTIVE, PolicyState.IN_REVIEW)


def stage_row(key: str) -> StageTemplateRow | None:
    """What this installation has stored of a stage; None for a shipped one as it is."""
    return db.session.scalar(select(StageTemplateRow).where(StageTemplateRow.key == key))


def policies_naming(key: str) -> list[PolicyVersion]:
    """The versions in force, or waiting to be, of which a rule asks for this stage."""
    live = db.session.scalars(select(PolicyVersion).where(PolicyVersion.state.in_(LIVE)))
    return [version for version in live if key in Policy.from_json(version.rules).stage_keys]


def unstaffed_stages() -> dict[str, tuple[StageTemplate, str]]:
    """The stages that a policy in force may ask for and that their own people could not bring to an end now (C122).

    Each with what is missing.
    """
    templates, wanted = stage_templates(), {BASE_STAGE}
    for version in db.session.scalars(select(PolicyVersion).where(PolicyVersion.state == PolicyState.ACTIVE)):
        wanted |= Policy.from_json(version.rules).stage_keys
    found = {key: (templates[key], shortage_of(templates[key])) for key in sorted(wanted) if key in templates}
    return {key: (template, missing) for key, (template, missing) in found.items() if missing}


def save_stage(values: Mapping[str, Any], *, by: User, revision: int = 0) -> StageTemplate:
    """Make a stage, or change it. ``revision`` is the stored version that was on the screen, 0 for none.

    Raises Invalid with what is wrong; also when a policy in force asks for it and nobody could answer it any more.
    """
    _need_to_edit(by)
    key = str(values.get("key", ""))
    if not KEY.fullmatch(key):
        raise Invalid("The key must be a short name of small letters, digits, - and _.", field="key")
    before = stage_templates().get(key)
    template = _read(values, before)
    if not anybody_for(template) and (naming := policies_naming(key) or key == BASE_STAGE):
        who = naming[0].label if isinstance(naming, list) else "Every policy"
        message = f"{template.name} could not be answered then, and {who} asks for it. {shortage_of(template)}"
        raise Invalid(message, field="sources")
    row = stage_row(key)
    if row is not None:
        row = lock(StageTemplateRow, row.id)
    if (row.version if row is not None else 0) != revision:
        raise Conflict("Somebody else has changed this stage since the page was shown. Look at it again.")
    if row is None:
        row = StageTemplateRow(key=key)
        db.session.add(row)
    row.body, row.changed_by_id = template.as_json(), by.id
    try:
        db.session.flush()
    except IntegrityError as error:
        raise Conflict(f"There is already a stage '{key}'.") from error
    was = before.as_json() if before is not None else None
    record(EventKind.STAGE_SET_UP, subject=row, by=by, before=was, after=template.as_json())
    return template


def remove_stage(key: str, *, by: User) -> None:
    """Take a stage away; a shipped one becomes again what it was. Refused while a policy in force asks for it."""
    _need_to_edit(by)
    row = stage_row(key)
    if row is None:
        raise NotFound("There is no such stage, or it comes with Portico and has not been changed.")
    shipped = SHIPPED_STAGES.get(key)
    naming = policies_naming(key)
    if shipped is None and naming:
        raise Conflict(f"{naming[0].label} asks for {row.label}. Put a version in force that does not, first.")
    if shipped is not None and naming and not anybody_for(shipped):
        raise Conflict(f"Nobody could answer {shipped.name} as it was, and {naming[0].label} asks for it.")
    record(EventKind.STAGE_TAKEN_AWAY, subject=row, by=by, before=row.body)
    db.session.delete(row)
    db.session.flush()


def _read(values: Mapping[str, Any], before: StageTemplate | None) -> StageTemplate:
    """The stage of these values; what they leave out stays as it was."""
    try:
        template = StageTemplate.from_json({**(before.as_json() if before is not None else {}), **values})
    except ValueError as problem:
        raise Invalid(str(problem)) from problem
    for source in (*template.sources, *template.fallback, *template.escalation):
        if source["kind"] == "role" and source["role"] not in set(RoleName):
            raise Invalid(f"There is no role '{source['role']}'.", field="sources")
        if source["kind"] == "group" and find_group(source["key"]) is None and source["key"] not in _shipped_groups():
            raise Invalid(f"There is no group '{source['key']}'. Make it first.", field="sources")
    return replace(template, name=" ".join(template.name.split())[:120])


def _shipped_groups() -> set[str]:
    """Groups that the shipped stages name; an installation makes them when it fills them."""
    sources = (source for stage in SHIPPED_STAGES.values() for source in stage.sources)
    return {source["key"] for source in sources if source["kind"] == "group"}


def _need_to_edit(by: User) -> None:
    if not by.may(Right.EDIT_POLICIES):
        raise NotAllowed("You cannot change review stages.")
