"""Policies as they are stored: drafts, the versions that were in force, and the one that is.

A version never changes once somebody has asked for it to be checked; whoever wants something else makes a new draft. It
takes a second person to put a version in force, one who wrote no text of it (C137). Requests keep the version by which
they were judged (C51).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, bindparam, select, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts import User
from portal.catalog import ApiProduct
from portal.db import Base, db, now, pk, words
from portal.errors import Conflict
from portal.policies.changes import touched_stages
from portal.policies.rules import NO_RULES, Policy, ready_policy
from portal.policies.stages import SHIPPED_STAGES, StageTemplate, stand_in_for

GLOBAL = "global"
log = structlog.get_logger(__name__)


class PolicyState(StrEnum):
    """Where a version of a policy stands."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    ACTIVE = "active"
    RETIRED = "retired"
    DISCARDED = "discarded"


POLICY_MOVES: dict[PolicyState, frozenset[PolicyState]] = {
    PolicyState.DRAFT: frozenset({PolicyState.IN_REVIEW, PolicyState.DISCARDED}),
    PolicyState.IN_REVIEW: frozenset({PolicyState.ACTIVE, PolicyState.DRAFT, PolicyState.DISCARDED}),
    PolicyState.ACTIVE: frozenset({PolicyState.RETIRED}),
    PolicyState.RETIRED: frozenset(),
    PolicyState.DISCARDED: frozenset(),
}


class PolicyVersion(Base):
    """One version of the policy of a scope: ``global``, or ``product:<id>`` for the rules of a product's own team.

    ``author`` wrote what it says last; ``writers`` are the keys of all who wrote any text of it (C137).
    """

    __tablename__ = "policy_version"

    id: Mapped[pk]
    scope: Mapped[str] = mapped_column(String(40), default=GLOBAL)
    product_id: Mapped[int | None] = mapped_column(ForeignKey("api_product.id", ondelete="CASCADE"), index=True)
    number: Mapped[int]
    name: Mapped[str] = mapped_column(String(120), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[PolicyState] = mapped_column(words(PolicyState), default=PolicyState.DRAFT)
    rules: Mapped[dict[str, Any]] = mapped_column(default=dict)
    content_hash: Mapped[str] = mapped_column(String(64), default="")
    author_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    writers: Mapped[list[int]] = mapped_column(JSON, default=list)
    approver_id: Mapped[int | None] = mapped_column(ForeignKey("portal_user.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    activated_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    product: Mapped[ApiProduct | None] = relationship()
    author: Mapped[User] = relationship(foreign_keys=[author_id])
    approver: Mapped[User | None] = relationship(foreign_keys=[approver_id])

    __table_args__ = (
        UniqueConstraint("scope", "number"),
        Index(
            "uq_policy_version_active",
            "scope",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
    )
    __mapper_args__ = {"version_id_col": version}

    @property
    def label(self) -> str:
        """How records and requests name this version."""
        of = f" of {self.product.name}" if self.product is not None else ""
        return f"Policy {self.number}{of}" + (f" ({self.name})" if self.name else "")

    @property
    def was_seconded(self) -> bool:
        """Whether a second person has put it in force, now or once."""
        return self.state in {PolicyState.ACTIVE, PolicyState.RETIRED}

    def is_written_by(self, person: User) -> bool:
        """Whether this person wrote any text of it, be it an earlier one."""
        return person.id in {self.author_id, *self.writers}

    def note_writer(self, person: User) -> None:
        """Remember that this person wrote what it says now."""
        self.author_id = person.id
        self.writers = sorted({person.id, *self.writers})

    def move_to(self, state: PolicyState) -> None:
        """Change the state. Raises Conflict for a move that is not in ``POLICY_MOVES``."""
        if state not in POLICY_MOVES[self.state]:
            raise Conflict(f"{self.label} is {self.state.replace('_', ' ')}, so it cannot become {state}.")
        self.state = state


class StageTemplateRow(Base):
    """A review stage as this installation wants it; it takes the place of the shipped one of the same key."""

    __tablename__ = "stage_template"

    id: Mapped[pk]
    key: Mapped[str] = mapped_column(String(40), unique=True)
    body: Mapped[dict[str, Any]] = mapped_column(default=dict)
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("portal_user.id"))
    changed_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}

    @property
    def label(self) -> str:
        """The name by which records call this stage."""
        return str(self.body.get("name", self.key))


_IN_FORCE = select(PolicyVersion.id, PolicyVersion.product_id, PolicyVersion.number, PolicyVersion.content_hash)
_IN_FORCE = _IN_FORCE.where(
    PolicyVersion.state == PolicyState.ACTIVE, PolicyVersion.scope.in_(bindparam("scopes", expanding=True))
)
_IN_FORCE = _IN_FORCE.order_by(PolicyVersion.product_id)  # the record names the products' versions in one order
_TEMPLATES = select(StageTemplateRow.key, StageTemplateRow.body)


@dataclass(frozen=True)
class InForce:
    """The policies by which a request is judged now: the global one, and those of its products' own teams."""

    policy: Policy
    label: str
    teams: Mapping[int, Policy]
    team_labels: Mapping[int, str]
    version_id: int | None = None
    team_ids: Mapping[int, int] = field(default_factory=dict)


def in_force(product_ids: Iterable[int]) -> InForce:
    """What is in force for these products at this moment; one query, and a version is read only once a process."""
    scopes = [GLOBAL, *(scope_of(product_id) for product_id in product_ids)]
    policy, label, version_id = NO_RULES, "", None
    teams: dict[int, Policy] = {}
    labels: dict[int, str] = {}
    ids: dict[int, int] = {}
    for row in db.session.execute(_IN_FORCE, {"scopes": scopes}):
        read, name = _read(row.id, row.content_hash), f"Policy {row.number}"
        if row.product_id is None:
            policy, label, version_id = read, name, row.id
        else:
            teams[row.product_id], labels[row.product_id] = read, f"{name} of the product"
            ids[row.product_id] = row.id
    return InForce(policy, label, teams, labels, version_id, ids)


def in_force_with(version: PolicyVersion, product_ids: Iterable[int]) -> InForce:
    """What would be in force for these products if this version were: for trying it out before it is."""
    force = in_force(product_ids)
    policy = Policy.from_json(version.rules)
    if version.product_id is None:
        return replace(force, policy=policy, label=f"Policy {version.number}", version_id=version.id)
    return replace(
        force,
        teams={**force.teams, version.product_id: policy},
        team_labels={**force.team_labels, version.product_id: f"Policy {version.number} of the product"},
        team_ids={**force.team_ids, version.product_id: version.id},
    )


def touched_by(changed: Iterable[str], product_ids: Iterable[int]) -> frozenset[str]:
    """The stages whose answers an edit of these attributes voids, by the policies in force now."""
    force = in_force(product_ids)
    return touched_stages([force.policy, *force.teams.values()], frozenset(changed), stage_templates())


def scope_of(product_id: int | None) -> str:
    """The scope of a product's own rules; the global one without a product."""
    return GLOBAL if product_id is None else f"product:{product_id}"


def stage_templates() -> dict[str, StageTemplate]:
    """Every stage there is, by its key: the shipped ones, and those that this installation made or changed.

    One that is stored and cannot be read is replaced by a stricter one that administrators answer.
    """
    templates = dict(SHIPPED_STAGES)
    for row in db.session.execute(_TEMPLATES):
        try:
            templates[row.key] = StageTemplate.from_json(row.body)
        except ValueError as problem:
            log.error("stage_broken", stage=row.key, problem=str(problem))
            templates[row.key] = stand_in_for(row.key, row.body)
    return templates


def broken_stages() -> dict[str, str]:
    """The stored stages that cannot be read, each with what is wrong: an administrator has to save them anew."""
    found = {}
    for row in db.session.execute(select(StageTemplateRow.key, StageTemplateRow.body).order_by(StageTemplateRow.key)):
        try:
            StageTemplate.from_json(row.body)
        except ValueError as problem:
            found[row.key] = str(problem)
    return found


def _read(version_id: int, content_hash: str) -> Policy:
    def rules() -> object:
        return db.session.scalar(select(PolicyVersion.rules).where(PolicyVersion.id == version_id))

    return ready_policy(content_hash, rules)
