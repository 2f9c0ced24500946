"""Locking requests that are about to be decided, with all that the decision rests on as it is after the wait.

Everything is read by queries of their own, which begin after the wait for the lock; a join with it would show what was
true before. All people are read by one, whatever they have to do with the requests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, select
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.attributes import set_committed_value

from portal.access.models import AccessRequest, RequestItem
from portal.access.review import ReviewStage
from portal.accounts import User
from portal.catalog import ApiProduct, product_owner
from portal.credentials import Credential
from portal.db import db
from portal.errors import NotFound

_KEYS: BindParameter[int] = bindparam("keys", expanding=True)
_THESE = select(AccessRequest).where(AccessRequest.id.in_(_KEYS)).order_by(AccessRequest.id)
_HELD = _THESE.with_only_columns(AccessRequest.id).with_for_update(key_share=True)
_READ = _THESE.options(joinedload(AccessRequest.app), joinedload(AccessRequest.plan))
_READ = _READ.execution_options(populate_existing=True)
_CREDENTIALS = select(Credential.id).where(Credential.id.in_(_KEYS)).order_by(Credential.id)
_CREDENTIALS = _CREDENTIALS.with_for_update(key_share=True)
_PRODUCTS = select(ApiProduct).where(ApiProduct.id.in_(_KEYS)).execution_options(populate_existing=True)
_OWNERS = select(product_owner).where(product_owner.c.product_id.in_(_KEYS)).order_by(product_owner.c.user_id)
_PEOPLE = select(User).where(User.id.in_(_KEYS)).execution_options(populate_existing=True)


def lock_request(request: AccessRequest) -> AccessRequest:
    """The request as it is now, locked until the transaction ends. Raises NotFound when there is none."""
    return _only(lock_requests([request]))


def lock_request_for(request: AccessRequest, by: User) -> tuple[AccessRequest, User]:
    """The same for somebody who acts, who is read anew as well: what they were during the wait does not count."""
    locked, person = lock_requests_for([request], by)
    return _only(locked), person


def lock_requests(requests: Sequence[AccessRequest]) -> Sequence[AccessRequest]:
    """These requests as they are now, locked in one order for everybody; a hundred take no more queries than one."""
    locked = _lock(requests)
    _read_people(locked)
    return locked


def lock_requests_for(requests: Sequence[AccessRequest], by: User) -> tuple[Sequence[AccessRequest], User]:
    """The same for somebody who acts, who is read anew as well.

    The credentials that the requests extend are locked too, in one order: each request takes its own as it is decided,
    and two people with many requests each would wait for one another.
    """
    locked = _lock(requests)
    if len(locked) > 1 and (extended := {request.credential_id for request in locked} - {None}):
        db.session.execute(_CREDENTIALS, {"keys": extended})
    return locked, _read_people(locked, by.id)[by.id]


def _only(locked: Sequence[AccessRequest]) -> AccessRequest:
    if not locked:
        raise NotFound("There is no such request.")
    return locked[0]


def _lock(requests: Sequence[AccessRequest]) -> Sequence[AccessRequest]:
    keys = {"keys": [request.id for request in requests]}
    db.session.execute(_HELD, keys)
    locked = db.session.scalars(_READ, keys).all()
    _read_products(_read_all(locked, AccessRequest.items))
    stages = _read_all(locked, AccessRequest.stages)
    _read_all(stages, ReviewStage.assignees)
    _read_all(stages, ReviewStage.reviews)
    return locked


def _read_all(parents: Sequence[Any], relation: Any) -> list[Any]:
    """Read what belongs to all of these by one query; as ``selectinload`` does, by a statement made only once."""
    found = db.session.scalars(_belonging_to(relation), {"keys": [parent.id for parent in parents]}).all()
    (_, foreign_key), mine = relation.property.local_remote_pairs[0], defaultdict(list)
    for each in found:
        mine[getattr(each, foreign_key.key)].append(each)
    for parent in parents:
        set_committed_value(parent, relation.key, mine[parent.id])
    return list(found)


@cache
def _belonging_to(relation: Any) -> Select[Any]:
    (_, foreign_key), model = relation.property.local_remote_pairs[0], relation.property.mapper.class_
    query = select(model).where(foreign_key.in_(_KEYS)).order_by(*relation.property.order_by)
    return query.execution_options(populate_existing=True)


def _read_products(items: Sequence[RequestItem]) -> None:
    keys = {item.product_id for item in items}
    products = {product.id: product for product in db.session.scalars(_PRODUCTS, {"keys": keys})}
    for item in items:
        set_committed_value(item, "product", products[item.product_id])


def _read_people(requests: Iterable[AccessRequest], *others: int) -> dict[int, User]:
    """Read everybody around these requests as they are now: requesters, owners of the products, and who is asked."""
    products = {item.product_id: item.product for request in requests for item in request.items}
    asked = [assignee for request in requests for stage in request.stages for assignee in stage.assignees]
    owners: dict[int, list[int]] = defaultdict(list)
    for product_id, user_id in db.session.execute(_OWNERS, {"keys": list(products)}):
        owners[product_id].append(user_id)
    wanted = {*others, *(request.requester_id for request in requests), *(assignee.user_id for assignee in asked)}
    found = db.session.scalars(_PEOPLE, {"keys": wanted.union(*owners.values())})
    people = {person.id: person for person in found}
    for request in requests:
        set_committed_value(request, "requester", people[request.requester_id])
    for assignee in asked:
        set_committed_value(assignee, "user", people[assignee.user_id])
    for key, product in products.items():
        set_committed_value(product, "owners", [people[user_id] for user_id in owners[key]])
    return people
