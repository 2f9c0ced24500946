"""Whom to ask in one's place (C147): who has least waiting comes first, and of those who know such requests best.

A hint and no rule: anybody who may review can be named.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from portal.access.models import RequestItem
from portal.access.review import Review, ReviewStage, StageAssignee
from portal.accounts import User
from portal.db import db, now

LOOKED_BACK, LOOKED_AT = timedelta(days=90), 5_000


@dataclass(frozen=True)
class Suggestion:
    """A person, how much waits for them now, and how often they decided lately: about these products, or about any."""

    person: User
    waiting: int
    decided: int

    @property
    def hint(self) -> str:
        """Both numbers in words."""
        lately = f"{self.decided} decided in 90 days" if self.decided else "none decided in 90 days"
        return f"{self.waiting or 'nothing'} waiting, {lately}"


def suggested(people: Sequence[User], *, product_ids: Collection[int] = ()) -> list[Suggestion]:
    """These people in the order in which they might be asked; ``product_ids`` are those that a request is about.

    Two queries, however many people there are.
    """
    ids = [person.id for person in people]
    waiting = select(StageAssignee.user_id, func.count()).where(StageAssignee.user_id.in_(ids), StageAssignee.waits)
    decided = select(Review.reviewer_id, func.count(Review.id.distinct())).where(
        Review.reviewer_id.in_(ids),
        Review.created_at >= now() - LOOKED_BACK,
        Review.id > select(func.max(Review.id)).scalar_subquery() - LOOKED_AT,  # however many there were
    )
    if product_ids:
        decided = decided.join(ReviewStage).join(RequestItem, RequestItem.request_id == ReviewStage.request_id)
        decided = decided.where(RequestItem.product_id.in_(product_ids))
    load = {row[0]: row[1] for row in db.session.execute(waiting.group_by(StageAssignee.user_id))}
    past = {row[0]: row[1] for row in db.session.execute(decided.group_by(Review.reviewer_id))}
    found = [Suggestion(person, load.get(person.id, 0), past.get(person.id, 0)) for person in people]
    return sorted(found, key=lambda each: (each.waiting, -each.decided, each.person.display_name.casefold()))
