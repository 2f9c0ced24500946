"""Reading requests, always as somebody may see them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict, TypeVar, Unpack, cast

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import joinedload, lazyload, load_only, selectinload

from portal.access.delegations import principals_of, stands_in_for
from portal.access.models import (
    AccessRequest,
    Grant,
    GrantState,
    RequestItem,
    RequestStatus,
)
from portal.access.review import AssigneeState, Review, ReviewStage, StageAssignee, StageState
from portal.access.standing_in import waits_for
from portal.accounts import Right, User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, Plan, product_owner
from portal.db import db, in_transaction, now
from portal.policies import stage_templates

T = TypeVar("T")
FEW = 2_000
COUNTED_TO = 100
ANSWERED = 50
_WAS_ASKED = (AssigneeState.ACTIVE, AssigneeState.RECUSED, AssigneeState.REASSIGNED)
_IS_OPEN = ReviewStage.state == literal_column("'open'")  # as it stands in the index; SQLite sees no parameter
_ANSWERS = (AccessRequest.form_ids, AccessRequest.answers, AccessRequest.answer_origins)
_NUMBER = re.compile(r"AR-(\d{4})-(\d{6,18})", re.ASCII)


def find_request(number: str, *, seen_by: User) -> AccessRequest | None:
    """The request with this public number as this person may see it; None when it is not theirs to see."""
    request_id = _id_of(number)
    if request_id is None:
        return None
    query = select(AccessRequest).where(AccessRequest.id == request_id, _visible_to(seen_by)).options(*_whole())
    request = db.session.scalars(query).one_or_none()
    return request if request is not None and request.number == number else None


def request_numbered(number: str) -> AccessRequest | None:
    """The request with this public number, whoever may see it; for a rule, never for a page."""
    request_id = _id_of(number)
    request = db.session.get(AccessRequest, request_id) if request_id is not None else None
    return request if request is not None and request.number == number else None


def requests_numbered(numbers: Sequence[str], *, seen_by: User) -> Sequence[AccessRequest]:
    """Those of these requests that this person may see, in the order in which they were made."""
    ids = [i for number in numbers if (i := _id_of(number)) is not None]
    return [request for request in requests_with_ids(ids, seen_by=seen_by) if request.number in numbers]


def requests_with_ids(ids: Sequence[int], *, seen_by: User) -> Sequence[AccessRequest]:
    """The same by their keys."""
    query = select(AccessRequest).where(AccessRequest.id.in_(ids), _visible_to(seen_by)).options(*_whole())
    return db.session.scalars(query.order_by(AccessRequest.id)).all()


def requests_of(
    requester: User, *, status: str = "", before_id: int | None = None, size: int = 25
) -> Sequence[AccessRequest]:
    """The person's own requests in every state, the newest first, paged by key."""
    query = select(AccessRequest).where(AccessRequest.requester_id == requester.id)
    return _page(query, status, before_id, size)


def own_counts_by_status(requester: User) -> dict[str, int]:
    """How many requests of each status the person has made; statuses without any are 0."""
    query = select(AccessRequest.status, func.count()).where(AccessRequest.requester_id == requester.id)
    counted = {status.value: number for status, number in db.session.execute(query.group_by(AccessRequest.status))}
    return {status.value: counted.get(status.value, 0) for status in RequestStatus}


class QueueFilters(TypedDict, total=False):
    """What the queue is narrowed to.

    ``mine`` keeps those that wait for this person, ``stage`` those whose stage of this key is open, ``overdue`` those
    with an answer that is late, or without, ``older_than`` those that were submitted longer ago (C135); ``search``
    matches number, requester, app and product.
    """

    status: str
    search: str
    mine: bool
    stage: str
    overdue: bool | None
    older_than: timedelta | None


def queue(
    *,
    seen_by: User,
    before_id: int | None = None,
    after_id: int | None = None,
    size: int = 50,
    **filters: Unpack[QueueFilters],
) -> Sequence[AccessRequest]:
    """The requests that this person may see, paged by key.

    Pending ones come oldest first (``after_id`` pages on), all others newest first (``before_id``).
    """
    status, narrowing = filters.get("status", ""), _narrowing(filters)
    pending_on = status == RequestStatus.PENDING and before_id is None
    query = select(AccessRequest).where(*_seen_in_queue(seen_by, pending_on=pending_on))
    if filters.get("mine"):
        whole = not pending_on or narrowing
        query = query.where(*(_waits_for(seen_by) if whole else _next_for(seen_by, after_id or 0, size)))
    query = query.where(*narrowing)
    if pending_on:
        query = query.where(AccessRequest.status == status)
        if after_id is not None:
            query = query.where(AccessRequest.id > after_id)
        return db.session.scalars(query.options(*_listed()).order_by(AccessRequest.id).limit(size)).unique().all()
    return _page(query, status, before_id, size)


def count_in_queue(*, seen_by: User, most: int = COUNTED_TO + 1, **filters: Unpack[QueueFilters]) -> int:
    """How many requests the queue holds for this person with these filters; counts to ``most`` and no further."""
    status = filters.get("status", "")
    query = select(AccessRequest.id).where(*_seen_in_queue(seen_by, pending_on=status == RequestStatus.PENDING))
    query = query.where(*(_waits_for(seen_by) if filters.get("mine") else []), *_narrowing(filters))
    if status:
        query = query.where(AccessRequest.status == status)
    return db.session.scalar(select(func.count()).select_from(query.limit(most).subquery())) or 0


def stages_in_queue() -> list[tuple[str, str]]:
    """Key and name of the stages that could be open now: those that are set up here."""
    return sorted(((key, template.name) for key, template in stage_templates().items()), key=lambda pair: pair[1])


def count_waiting_for(person: User, *, most: int = COUNTED_TO + 1) -> int:
    """How many requests wait for this person; counts to ``most`` and no further."""
    waiting = _waiting(person).distinct().limit(most).subquery()
    return db.session.scalar(select(func.count()).select_from(waiting)) or 0


def oldest_waiting_for(person: User) -> datetime | None:
    """Since when the oldest request waits for this person."""
    oldest = _waiting(person).order_by(StageAssignee.request_id).limit(1).scalar_subquery()
    return db.session.scalar(select(AccessRequest.submitted_at).where(AccessRequest.id == oldest))


def counts_by_status(*, seen_by: User, most: int = COUNTED_TO + 1) -> dict[str, int]:
    """How many requests of each status this person may see; counts to ``most`` and no further, to stay cheap."""
    seen = [_visible_to(seen_by), *_among_few(seen_by)]
    counted, few = [], _pending_seen_by(seen_by)
    for status in RequestStatus:
        if status is RequestStatus.PENDING and few is not None:
            counted.append(literal(min(len(few), most)).label(status.value))
            continue
        some = select(AccessRequest.id).where(AccessRequest.status == status, *seen).limit(most).subquery()
        counted.append(select(func.count()).select_from(some).scalar_subquery().label(status.value))
    return dict(db.session.execute(select(*counted)).one()._asdict())


def has_asked(requester: User, *, seen_by: User) -> bool:
    """Whether this person may see any request of that one."""
    query = select(AccessRequest.id).where(AccessRequest.requester_id == requester.id, _visible_to(seen_by)).limit(1)
    return db.session.scalar(query) is not None


def earlier_requests(request: AccessRequest, *, seen_by: User, size: int = 5) -> Sequence[AccessRequest]:
    """The latest other requests of the same requester that this person may see."""
    query = select(AccessRequest).where(
        AccessRequest.requester_id == request.requester_id, AccessRequest.id != request.id, _visible_to(seen_by)
    )
    return _page(query, "", None, size)


def answered_requests_of(app: DeveloperApp, *, seen_by: User, most: int = ANSWERED) -> Sequence[AccessRequest]:
    """The latest requests for an app that this person may see, with nothing read but what was answered."""
    query = select(AccessRequest).where(AccessRequest.app_id == app.id, _visible_to(seen_by))
    read = load_only(AccessRequest.submitted_at, *_ANSWERS)
    return db.session.scalars(query.options(read).order_by(AccessRequest.id.desc()).limit(most)).all()


def numbers_seen(numbers: Iterable[str], *, seen_by: User, own: bool = False) -> set[str]:
    """Those of these public numbers whose requests this person may see; only of their own ones if wanted."""
    wanted = {i: number for number in numbers if (i := _id_of(number)) is not None}
    if not wanted:
        return set()
    whose = AccessRequest.requester_id == seen_by.id if own else _visible_to(seen_by)
    return {wanted[i] for i in db.session.scalars(select(AccessRequest.id).where(AccessRequest.id.in_(wanted), whose))}


def apps_with_access_to(thing: ApiProduct | Plan) -> int:
    """How many developer apps have access to this product, or on this plan, now."""
    column = Grant.plan_id if isinstance(thing, Plan) else Grant.product_id
    query = select(func.count(Grant.app_id.distinct())).where(column == thing.id, Grant.state == GrantState.ACTIVE)
    return db.session.scalar(query.where(or_(Grant.ends_at.is_(None), Grant.ends_at > now()))) or 0


def _seen_in_queue(person: User, *, pending_on: bool) -> list[ColumnElement[bool]]:
    few = _pending_seen_by(person) if pending_on else None
    return [_visible_to(person), *_among_few(person)] if few is None else [AccessRequest.id.in_(few)]


def _narrowing(filters: QueueFilters) -> list[ColumnElement[bool]]:
    """What these filters ask of a request, but for its status and for whom it waits."""
    asked: list[ColumnElement[bool]] = []
    if stage := filters.get("stage"):
        asked.append(AccessRequest.id.in_(_open_stages().where(ReviewStage.key == stage)))
    if (overdue := filters.get("overdue")) is not None:
        late = AccessRequest.id.in_(select(ReviewStage.request_id).where(ReviewStage.due_at < now(), _IS_OPEN))
        asked.append(late if overdue else ~late)
    if (older_than := filters.get("older_than")) is not None:
        asked.append(AccessRequest.submitted_at < now() - older_than)
    if search := filters.get("search", "").strip():
        asked.append(_matches(search))
    return asked


def _open_stages() -> Select[Any]:
    return select(ReviewStage.request_id).where(ReviewStage.state.in_([StageState.OPEN, StageState.PAUSED]))


def _page(query: Any, status: str, before_id: int | None, size: int) -> Sequence[AccessRequest]:
    if status:
        query = query.where(AccessRequest.status == status)
    if before_id is not None:
        query = query.where(AccessRequest.id < before_id)
    query = query.options(*_listed()).order_by(AccessRequest.id.desc()).limit(size)
    return list(db.session.scalars(query).unique())


def _id_of(number: str) -> int | None:
    match = _NUMBER.fullmatch(number)
    return int(match[2]) if match and int(match[2]) < 2**63 else None


def _visible_to(person: User) -> ColumnElement[bool]:
    """Own requests; those one is asked to answer, alone or for somebody, or has answered; those whose product one owns.

    All, for those who may see all. Whoever is no longer asked since they left a group or a role no longer sees it.

    It is asked of each request by itself and not by a list of all that the person may see: whoever sees much finds a
    page of it after a few rows, and need not gather the rest.
    """
    if person.may(Right.SEE_ALL_REQUESTS):
        return AccessRequest.id.is_not(None)
    own = AccessRequest.requester_id == person.id
    if not person.may(Right.SEE_REQUESTS):
        return own
    mine = _asked(StageAssignee.user_id == person.id, StageAssignee.state.in_(_WAS_ASKED))
    instead = _asked(StageAssignee.user_id.in_(principals_of(person)), StageAssignee.state == AssigneeState.ACTIVE)
    seen = [own, _some(mine), _some(_answered_by(person))]
    seen.append(and_(AccessRequest.status == RequestStatus.PENDING, _some(instead)))
    if person.may(Right.EDIT_PRODUCTS):
        seen.append(_some(_items_owned_by(person)))
    return or_(*seen)


def _pending_seen_by(person: User) -> list[int] | None:
    """The keys of all pending requests that this person may see, if they are few; None when they are many.

    Whoever sees few of many pending ones looks through all of them to find theirs. A page asks for them more than once
    (those that are late, the others, how many), so they are looked for once.
    """
    if person.may(Right.SEE_ALL_REQUESTS):
        return None

    def find() -> list[int]:
        seen = select(AccessRequest.id).where(AccessRequest.status == RequestStatus.PENDING, _visible_to(person))
        return list(db.session.scalars(seen.where(*_among_few(person)).limit(COUNTED_TO + 1)))

    found = _asked_once("pending", person, find)
    return found if len(found) <= COUNTED_TO else None


def _asked_once(what: str, person: User, find: Callable[[], T]) -> T:
    """What was found before in the present reading transaction, or what is found now."""
    session = db.session()
    if in_transaction():
        return find()
    name, reading = ("portico_asked", what, person.id), session.get_transaction()
    known = session.info.get(name)
    if known is not None and known[0] is reading:
        return cast(T, known[1])
    found = find()
    session.info[name] = (session.get_transaction(), found)
    return found


def _among_few(person: User) -> list[ColumnElement[bool]]:
    """For whoever may see few requests, exactly those: looking through all the others for a page would take long."""
    if person.may(Right.SEE_ALL_REQUESTS) or not person.may(Right.SEE_REQUESTS):
        return []
    own = select(AccessRequest.id).where(AccessRequest.requester_id == person.id)
    owned = (
        select(RequestItem.request_id)
        .join(product_owner, product_owner.c.product_id == RequestItem.product_id)
        .where(product_owner.c.user_id == person.id)
    )
    answered = select(ReviewStage.request_id).join(Review).where(Review.reviewer_id == person.id)
    asked = select(StageAssignee.request_id).where(StageAssignee.user_id == person.id)
    instead = select(StageAssignee.request_id).where(StageAssignee.user_id.in_(principals_of(person)))
    keys = union_all(own, asked, instead, answered, owned)
    found = _asked_once("all", person, lambda: db.session.scalar(_count_of(keys)) or 0)
    return [AccessRequest.id.in_(keys)] if found <= FEW else []


def _count_of(keys: CompoundSelect[Any]) -> Select[Any]:
    return select(func.count()).select_from(keys.limit(FEW + 1).subquery())


def _waits_for(person: User) -> list[ColumnElement[bool]]:
    """Those with an open stage that waits for this person, or for whom they stand in for."""
    return [AccessRequest.status == RequestStatus.PENDING, AccessRequest.id.in_(_waiting(person))]


def _next_for(person: User, after_id: int, size: int) -> list[ColumnElement[bool]]:
    """A page of those that wait for this person, without a look at all the others."""
    keys = _waiting(person).where(StageAssignee.request_id > after_id).distinct()
    return [AccessRequest.id.in_(keys.order_by(StageAssignee.request_id).limit(size))]


def _waiting(person: User) -> Select[Any]:
    """The keys of the requests that wait for this person, by an index that holds nothing else."""
    return select(StageAssignee.request_id).where(waits_for(person, stands_in_for(person)))


def _asked(*whom: ColumnElement[bool]) -> Select[Any]:
    """The places where a request asks these people; found from the request, never from the person."""
    return select(StageAssignee.id).where(StageAssignee.request_id == AccessRequest.id, *whom)


def _answered_by(person: User) -> Select[Any]:
    """What this person has said about a request, and still counts."""
    said = select(Review.id).join(ReviewStage, ReviewStage.id == Review.stage_id)
    said = said.where(Review.reviewer_id == person.id, Review.voided_at.is_(None))
    return said.where(ReviewStage.request_id == AccessRequest.id)


def _items_owned_by(person: User) -> Select[Any]:
    """The items of a request whose product this person owns."""
    mine = select(product_owner.c.user_id).where(
        product_owner.c.product_id == RequestItem.product_id, product_owner.c.user_id == person.id
    )
    return select(RequestItem.id).where(RequestItem.request_id == AccessRequest.id, mine.exists())


def _some(rows: Select[Any]) -> ColumnElement[bool]:
    """Whether there is any such row. Not EXISTS, for which PostgreSQL would gather all rows there are into a table."""
    return rows.correlate(AccessRequest).limit(1).scalar_subquery().is_not(None)


def _matches(search: str) -> ColumnElement[bool]:
    request_id = _id_of(search.upper())
    if request_id is not None:
        return AccessRequest.id == request_id
    people = select(User.id).where(
        or_(User.email.icontains(search, autoescape=True), User.name.icontains(search, autoescape=True))
    )
    apps = select(DeveloperApp.id).where(DeveloperApp.name.icontains(search, autoescape=True))
    products = select(RequestItem.request_id).join(ApiProduct).where(ApiProduct.name.icontains(search, autoescape=True))
    return or_(AccessRequest.requester_id.in_(people), AccessRequest.app_id.in_(apps), AccessRequest.id.in_(products))


def _listed() -> list[Any]:
    """What a list row shows, loaded in a fixed number of queries."""
    return [
        joinedload(AccessRequest.requester),
        joinedload(AccessRequest.app),
        joinedload(AccessRequest.plan),
        _owners_of(selectinload(AccessRequest.items).joinedload(RequestItem.product)),
        selectinload(AccessRequest.stages).selectinload(ReviewStage.assignees).joinedload(StageAssignee.user),
        selectinload(AccessRequest.stages).selectinload(ReviewStage.reviews),
    ]


def _owners_of(products: Any) -> Any:
    """The owners, of whom a list asks who they are: their roles and organisations are left out."""
    return products.selectinload(ApiProduct.owners).options(lazyload(User.roles), lazyload(User.organisation))


def _whole() -> list[Any]:
    return [
        *_listed(),
        joinedload(AccessRequest.credential),
        selectinload(AccessRequest.stages).joinedload(ReviewStage.reviewer),
    ]
