"""What changes around open requests: people, groups, roles, owners and sponsors, and the stages that they touch.

Such a change is made in a room below, by whichever page or command; the stages follow its event (``follow_changes``).
The databases find the stages, so that a change in an installation with ten thousand open requests does not read them
all. The first of them are staffed anew at once; the rest by the timekeeper, each in a transaction of its own, for
nobody should wait for so many. Nobody can answer meanwhile who may not: that is asked at each answer.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Text, cast, or_, select, text

from portal import events, schedule
from portal.access.models import AccessRequest, RequestItem, RequestStatus
from portal.access.review import ReviewStage, StageAssignee, StageState
from portal.access.staffing import restaff
from portal.access.timing import SUBJECT, StageTimer
from portal.accounts import Organisation, ReviewerGroup, User
from portal.catalog import ApiProduct, product_owner
from portal.db import db, now
from portal.events import AuditEvent, EventKind
from portal.schedule import Planned

AT_ONCE = 100


def follow_changes() -> None:
    """Let whoever changes people, groups, organisations or owners staff the open stages anew, in that transaction."""
    events.follow(EventKind.ROLES_CHANGED, _roles_changed)
    events.follow(EventKind.DEACTIVATED, _came_or_went)
    events.follow(EventKind.REACTIVATED, _came_or_went)
    events.follow(EventKind.PERSON_CHANGED, _person_changed)
    events.follow(EventKind.GROUP_CHANGED, _group_changed)
    events.follow(EventKind.ORGANISATION_CHANGED, _organisation_changed)
    events.follow(EventKind.PRODUCT_CHANGED, _product_changed)


def _roles_changed(person: User, event: AuditEvent) -> None:
    restaff_for(person=person, roles=set(event.before["roles"]) ^ set(event.after["roles"]))


def _came_or_went(person: User, _event: AuditEvent) -> None:
    restaff_for(person=person, roles=person.role_names)


def _person_changed(person: User, event: AuditEvent) -> None:
    if "organisation" in event.after:  # another sponsor answers for what they ask
        restaff_for(person=person)


def _group_changed(group: ReviewerGroup, _event: AuditEvent) -> None:
    restaff_for(group=group.key)


def _organisation_changed(organisation: Organisation, event: AuditEvent) -> None:
    if event.before:  # a new one has nobody who could have asked for anything
        restaff_for(organisation=organisation)


def _product_changed(product: ApiProduct, event: AuditEvent) -> None:
    if "owners" in event.after:
        restaff_for(product=product)


def restaff_for(
    *,
    person: User | None = None,
    group: str = "",
    roles: Iterable[str] = (),
    product: ApiProduct | None = None,
    organisation: Organisation | None = None,
) -> None:
    """Staff the open stages anew that a change of a person, group, roles, owners or a sponsor can touch."""
    db.session.flush()
    touches: list[ColumnElement[bool]] = []
    if person is not None:
        touches += _around(person)
    if product is not None:
        touches.append(_has_item(RequestItem.product_id == product.id))
    if organisation is not None:
        theirs = AccessRequest.requester_id.in_(select(User.id).where(User.organisation_id == organisation.id))
        touches.append(theirs & _names("sponsor"))
    named = {"group": {group} - {""} | _groups_of(person), "role": set(roles)}
    touches += [_is_asked_as(f"{kind}:{key}") for kind, keys in named.items() for key in sorted(keys)]
    found = _stages(or_(text("review_stage.alarm <> ''"), *touches))
    found |= _staffed_from(named["group"], named["role"])
    _staff(found)


def _staff(stages: dict[int, int]) -> None:
    """Staff the first of these stages (by request) now, and let the clock do the rest."""
    first = sorted(set(stages.values()))[:AT_ONCE]
    restaff(db.session.scalars(select(AccessRequest).where(AccessRequest.id.in_(first))).all())
    rest = [stage for stage, request in sorted(stages.items()) if request not in set(first)]
    schedule.arm_again(SUBJECT, rest, Planned(StageTimer.RESTAFF, now()))


def _stages(condition: ColumnElement[bool]) -> dict[int, int]:
    """The open stages of which this is true, with their requests."""
    query = select(ReviewStage.id, ReviewStage.request_id).join(AccessRequest).where(_open(), condition)
    return {stage: request for stage, request in db.session.execute(query)}  # noqa: C416  a row is not a pair to mypy


def _staffed_from(groups: set[str], roles: set[str]) -> dict[int, int]:
    """The open stages whose own sources name one of these groups or roles. Their JSON is read only where it may."""
    words = sorted(groups | roles)
    if not words:
        return {}
    query = select(ReviewStage.id, ReviewStage.request_id, ReviewStage.template).join(AccessRequest)
    rows = db.session.execute(query.where(_open(), or_(*map(_names, words))))
    return {
        stage: request
        for stage, request, template in rows
        if any(s.get("key") in groups or s.get("role") in roles for s in template.get("sources", ()))
    }


def _open() -> ColumnElement[bool]:
    acted_on = ReviewStage.state.in_([StageState.OPEN, StageState.PAUSED])
    return (AccessRequest.status == RequestStatus.PENDING) & acted_on


def _around(person: User) -> list[ColumnElement[bool]]:
    """The person asks, is asked, or owns what is asked for; they are a sponsor, or named as a person."""
    asked = select(StageAssignee.stage_id).where(StageAssignee.user_id == person.id)
    sponsored = select(User.id).join(User.organisation).where(Organisation.sponsor_id == person.id)
    owned = select(product_owner.c.product_id).where(product_owner.c.user_id == person.id)
    return [
        AccessRequest.requester_id == person.id,
        ReviewStage.id.in_(asked),
        _has_item(RequestItem.product_id.in_(owned)),
        AccessRequest.requester_id.in_(sponsored) & _names("sponsor"),
        _names(person.email),
    ]


def _groups_of(person: User | None) -> set[str]:
    """Whoever comes back is asked again as the member of their groups that they are."""
    return {group.key for group in person.groups} if person is not None else set()


def _has_item(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return ReviewStage.request_id.in_(select(RequestItem.request_id).where(condition))


def _is_asked_as(via: str) -> ColumnElement[bool]:
    """Somebody is asked by this, as a fallback may be whom the stage's own sources do not name."""
    asked = StageAssignee.waits & StageAssignee.via.contains(via, autoescape=True)
    return ReviewStage.id.in_(select(StageAssignee.stage_id).where(asked))


def _names(word: str) -> ColumnElement[bool]:
    return cast(ReviewStage.template, Text).contains(f'"{word}"', autoescape=True)
