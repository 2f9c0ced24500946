"""The weekly digest: what is open and how late it is, for administrators and for those to whom stages escalate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from portal import schedule
from portal.access.models import AccessRequest, RequestItem, RequestStatus
from portal.access.review import ReviewStage, StageAssignee, StageState
from portal.access.staffing import circle_of
from portal.access.timing import working_time_by
from portal.accounts import RoleName, User, people_with_role
from portal.catalog import ApiProduct
from portal.db import db, lock, now
from portal.events import EventKind, record
from portal.policies import Known, escalation_for
from portal.schedule import Planned, add_business_time

SUBJECT, KIND = "portal_user", "digest"
MOST_LOOKED_AT = 1_000
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class DigestItem:
    """A stage that is open: since when, until when, and for whom it waits."""

    stage: ReviewStage
    since: datetime
    due_at: datetime | None
    waits_for: tuple[str, ...]

    @property
    def is_overdue(self) -> bool:
        """Whether the answer is late."""
        return self.due_at is not None and self.due_at < now()


def plan_digests(person_ids: Iterable[int] | None = None) -> None:
    """Set the next digest for these people (all ``leads``); for whom it is set or has gone out, nothing happens.

    It is always set ahead, so that a worker that was away when it was due sends it when it is back.
    """
    due_at = _digest_after(now())
    year, week, _ = due_at.isocalendar()
    wanted = [person.id for person in leads()] if person_ids is None else list(person_ids)
    schedule.arm_once(SUBJECT, wanted, Planned(KIND, due_at, year * 100 + week))


def digests_due(*, size: int = 100, without: Iterable[int] = ()) -> Sequence[int]:
    """The people whose digest should go out now."""
    return schedule.due_subjects(SUBJECT, size=size, without=without)


def send_digest(person_id: int) -> bool:
    """Send a person's digest, once; nothing when nothing is open for them. Of several that were missed it is one."""
    person = lock(User, person_id)
    if not schedule.claim_due(SUBJECT, person_id) or person is None or not person.active:
        return False
    if not digest_for(person):
        return False
    record(EventKind.DIGEST_SENT, subject=person, by=None)
    return True


def leads() -> Sequence[User]:
    """Administrators, and everybody to whom an open stage would be escalated."""
    found = {person.id: person for person in people_with_role(RoleName.ADMINISTRATOR)}
    known: Known = {}
    for stage in _open_stages():
        found.update({each.person.id: each.person for each in escalation_for(stage.template, circle_of(stage), known)})
    return list(found.values())


def digest_for(person: User) -> list[DigestItem]:
    """The open stages for which this person answers in the end, those that are latest first."""
    everything = RoleName.ADMINISTRATOR in person.role_names
    known: Known = {}
    stages = [stage for stage in _open_stages() if everything or _leads(person, stage, known)]
    items = [_item(stage) for stage in stages]
    return sorted(items, key=lambda item: (item.due_at is None, item.due_at, item.stage.id))


def _digest_after(moment: datetime) -> datetime:
    """The first working moment of this week if that is to come, else of the next; Monday in a week of holidays."""
    monday = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday -= timedelta(days=monday.weekday())
    for begin in (monday, monday + WEEK):
        due_at = add_business_time(working_time_by(), begin, timedelta())
        due_at = due_at if due_at < begin + WEEK else begin
        if due_at > moment:
            break
    return due_at


def _leads(person: User, stage: ReviewStage, known: Known) -> bool:
    return any(each.person.id == person.id for each in escalation_for(stage.template, circle_of(stage), known))


def _item(stage: ReviewStage) -> DigestItem:
    waits = [a.user.display_name for a in stage.assignees if a.waits and a.user.active]
    paused = stage.state is StageState.PAUSED
    waits_for = (stage.request.requester.display_name,) if paused else tuple(waits)
    return DigestItem(stage, stage.opened_at or stage.request.submitted_at, None if paused else stage.due_at, waits_for)


def _open_stages() -> Sequence[ReviewStage]:
    asked = joinedload(ReviewStage.request)
    products = asked.selectinload(AccessRequest.items).joinedload(RequestItem.product)
    query = (
        select(ReviewStage)
        .join(AccessRequest)
        .where(
            AccessRequest.status == RequestStatus.PENDING, ReviewStage.state.in_([StageState.OPEN, StageState.PAUSED])
        )
    )
    loaded = (
        asked.joinedload(AccessRequest.requester),
        asked.joinedload(AccessRequest.app),
        products.selectinload(ApiProduct.owners),
        selectinload(ReviewStage.assignees).joinedload(StageAssignee.user),
    )
    return db.session.scalars(query.options(*loaded).order_by(ReviewStage.id).limit(MOST_LOOKED_AT)).all()
