"""What is offered: API products with their descriptions, plans, and the catalogues that publish them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from portal.accounts import User
from portal.catalog.regions import in_words, leaves_eea
from portal.db import Base, key, now, pk, words
from portal.errors import Conflict


class ProductState(StrEnum):
    """Where a product stands in its life."""

    DRAFT = "draft"
    PUBLISHED = "published"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


PRODUCT_MOVES: dict[ProductState, frozenset[ProductState]] = {
    ProductState.DRAFT: frozenset({ProductState.PUBLISHED}),
    ProductState.PUBLISHED: frozenset({ProductState.DEPRECATED, ProductState.RETIRED}),
    ProductState.DEPRECATED: frozenset({ProductState.PUBLISHED, ProductState.RETIRED}),
    ProductState.RETIRED: frozenset({ProductState.PUBLISHED}),
}
OPEN_PRODUCT_STATES = (ProductState.PUBLISHED, ProductState.DEPRECATED)


class AuthMethod(StrEnum):
    """How a caller proves who it is."""

    OAUTH2 = "oauth2_client_credentials"
    API_KEY = "api_key"
    BASIC = "basic"
    CUSTOM = "custom"

    @property
    def label(self) -> str:
        """The method as people read it."""
        return {
            AuthMethod.OAUTH2: "OAuth 2.0 client credentials",
            AuthMethod.API_KEY: "API key",
            AuthMethod.BASIC: "Basic authentication",
            AuthMethod.CUSTOM: "Custom authentication",
        }[self]


# Written out and not bound, so that the databases know their partial indexes fit.
OPEN = "state IN ('published', 'deprecated')"
UNUSUAL = "state <> 'published'"
REQUESTABLE_METHODS = (AuthMethod.OAUTH2, AuthMethod.API_KEY)


class Classification(StrEnum):
    """How much harm it would do if the data behind a product came into the wrong hands."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    RESTRICTED = "restricted"


class LegalBasis(StrEnum):
    """Why personal data behind a product may be processed (GDPR, article 6(1)(a) to (f)), or that there is none."""

    NOT_PERSONAL = "not_personal"
    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTERESTS = "legitimate_interests"

    @property
    def label(self) -> str:
        """The basis as people read it, with the letter by which the article names it."""
        if self is LegalBasis.NOT_PERSONAL:
            return "Not personal data"
        letter = "abcdef"[list(LegalBasis).index(self) - 1]
        return f"{self.value.replace('_', ' ').capitalize()} (GDPR art. 6(1)({letter}))"


class Environment(StrEnum):
    """Where an app that asks for access runs; in this order, the least delicate first."""

    DEV = "dev"
    TEST = "test"
    PROD = "prod"

    @property
    def label(self) -> str:
        """The environment as people read it."""
        return {Environment.DEV: "Development", Environment.TEST: "Test", Environment.PROD: "Production"}[self]


class PlanState(StrEnum):
    """Whether a plan is offered, kept for those who have it, or over."""

    ACTIVE = "active"
    CLOSED = "closed"
    RETIRED = "retired"


def day_begins(day: date) -> datetime:
    """The first moment of a day, in UTC: what is retired on that day has ended then."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


product_owner = Table(
    "product_owner",
    Base.metadata,
    Column("product_id", key, ForeignKey("api_product.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", key, ForeignKey("portal_user.id"), primary_key=True, index=True),
)
catalogue_product = Table(
    "catalogue_product",
    Base.metadata,
    Column("catalogue_id", key, ForeignKey("catalogue.id", ondelete="CASCADE"), primary_key=True),
    Column("product_id", key, ForeignKey("api_product.id", ondelete="CASCADE"), primary_key=True, index=True),
)
catalogue_plan = Table(
    "catalogue_plan",
    Base.metadata,
    Column("catalogue_id", key, ForeignKey("catalogue.id", ondelete="CASCADE"), primary_key=True),
    Column("plan_id", key, ForeignKey("plan.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class ApiProduct(Base):
    """An API as it is offered to consumers."""

    __tablename__ = "api_product"

    id: Mapped[pk]
    slug: Mapped[str] = mapped_column(String(120), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    sort_name: Mapped[str] = mapped_column(String(200), default="")
    summary: Mapped[str] = mapped_column(String(300), default="")
    description: Mapped[str] = mapped_column(Text, default="")
    category: Mapped[str] = mapped_column(String(80), default="")
    tags: Mapped[list[str]] = mapped_column(default=list)
    auth_method: Mapped[AuthMethod] = mapped_column(words(AuthMethod), default=AuthMethod.OAUTH2)
    base_url: Mapped[str] = mapped_column(String(500), default="")
    scopes: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    state: Mapped[ProductState] = mapped_column(words(ProductState), default=ProductState.DRAFT)
    featured: Mapped[bool] = mapped_column(default=False)
    classification: Mapped[Classification] = mapped_column(words(Classification), default=Classification.INTERNAL)
    legal_basis: Mapped[LegalBasis | None] = mapped_column(words(LegalBasis))
    regions: Mapped[list[str]] = mapped_column(default=list)
    environments: Mapped[list[str]] = mapped_column(default=lambda: [e.value for e in Environment])
    zone: Mapped[str] = mapped_column(String(60), default="UTC")
    retires_on: Mapped[date | None]
    successor_id: Mapped[int | None] = mapped_column(ForeignKey("api_product.id"))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)

    owners: Mapped[list[User]] = relationship(secondary=product_owner, order_by=User.id)
    successor: Mapped[ApiProduct | None] = relationship(remote_side="ApiProduct.id")

    __table_args__ = (
        Index("ix_api_product_sort_name_id", "sort_name", "id"),
        *(
            Index(f"ix_api_product_open_{'_'.join(by)}", *by, sqlite_where=text(where), postgresql_where=text(where))
            for by, where in (
                (("sort_name", "id"), OPEN),
                (("category", "sort_name", "id"), OPEN),
                (("auth_method", "sort_name", "id"), OPEN),
                (("featured", "sort_name", "id"), f"featured AND {OPEN}"),
            )
        ),
        # Not over all states: SQLite would prefer it to those above, and then sort.
        Index(
            "ix_api_product_unusual_state_sort_name_id",
            *("state", "sort_name", "id"),
            sqlite_where=text(UNUSUAL),
            postgresql_where=text(UNUSUAL),
        ),
    )
    __mapper_args__ = {"version_id_col": version}  # of two people editing at once, the second is told

    @validates("name")
    def _keep_the_order(self, _field: str, name: str) -> str:
        """Lists are in the order of names, whatever their case, and of that alone on both databases."""
        self.sort_name = name.casefold()[:200]
        return name

    @property
    def label(self) -> str:
        """The name by which records call this product."""
        return self.name

    @property
    def audience(self) -> str:
        """The identifier of this API in the ``aud`` claim of access tokens (RFC 9068, section 2.2)."""
        return f"urn:portico:api:{self.slug}"

    @property
    def scope_names(self) -> list[str]:
        """The names of the scopes this product knows."""
        return [str(scope["name"]) for scope in self.scopes]

    @property
    def region_names(self) -> list[str]:
        """Where its data is kept and processed, in words; nothing when that is not stated."""
        return in_words(self.regions)

    @property
    def environment_names(self) -> list[str]:
        """The environments in which it is offered, in words."""
        return [Environment(each).label for each in self.environments]

    @property
    def leaves_eea(self) -> bool:
        """Whether its data is kept or processed outside the European Economic Area, as far as is stated."""
        return leaves_eea(self.regions)

    @property
    def is_open(self) -> bool:
        """Whether consumers can see the product and use it."""
        return self.state in OPEN_PRODUCT_STATES

    @property
    def is_requestable(self) -> bool:
        """Whether access can be asked for here: visible, and by a method for which Portico issues credentials."""
        return self.is_open and self.auth_method in REQUESTABLE_METHODS

    def move_to(self, state: ProductState) -> None:
        """Change the state. Raises Conflict for a move that is not in ``PRODUCT_MOVES``."""
        if state not in PRODUCT_MOVES[self.state]:
            raise Conflict(f"A {self.state} product cannot become {state}.")
        self.state = state


class ApiDescription(Base):
    """An OpenAPI document of a product, as it was given, with what was read from it.

    ``viewer_json`` is compressed with gzip, as it goes to the browser. ``groups`` names the groups of operations in
    their order, each with the position of its first operation and their number: ``{"name", "first", "count"}``.
    """

    __tablename__ = "api_description"

    id: Mapped[pk]
    product_id: Mapped[int] = mapped_column(ForeignKey("api_product.id", ondelete="CASCADE"), index=True)
    file_name: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(60))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int]
    openapi_version: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(300), default="")
    api_version: Mapped[str] = mapped_column(String(80), default="")
    retires_on: Mapped[date | None]
    servers: Mapped[list[str]] = mapped_column(default=list)
    operation_count: Mapped[int] = mapped_column(default=0)
    faults: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    groups: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    search_text: Mapped[str] = mapped_column(Text, default="", deferred=True)
    raw: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    viewer_json: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime] = mapped_column(default=now)

    product: Mapped[ApiProduct] = relationship()

    @property
    def label(self) -> str:
        """The file by which records call this description."""
        return self.file_name


class ApiOperation(Base):
    """One operation of a description: a row of its own, so that a page reads only those that it shows."""

    __tablename__ = "api_operation"

    id: Mapped[pk]
    description_id: Mapped[int] = mapped_column(ForeignKey("api_description.id", ondelete="CASCADE"))
    position: Mapped[int]
    method: Mapped[str] = mapped_column(String(20))
    path: Mapped[str] = mapped_column(Text)
    summary: Mapped[str] = mapped_column(Text, default="")
    deprecated: Mapped[bool] = mapped_column(default=False)
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (Index("uq_api_operation_position", "description_id", "position", unique=True),)


class LeakAction(StrEnum):
    """What is done with a credential whose secret was found in public."""

    REVOKE = "revoke"
    ROTATE = "rotate"


class Plan(Base):
    """The terms on which a product can be used."""

    __tablename__ = "plan"

    id: Mapped[pk]
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    display_name: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(Text, default="")
    quota_requests: Mapped[int | None]
    quota_period: Mapped[str] = mapped_column(String(10), default="month")
    rate_requests: Mapped[int | None]
    rate_seconds: Mapped[int] = mapped_column(default=1)
    credential_lifetime_days: Mapped[int | None]
    token_lifetime_seconds: Mapped[int] = mapped_column(default=3600)
    scopes: Mapped[list[str]] = mapped_column(default=list)
    auto_approve: Mapped[bool] = mapped_column(default=False)
    reason_required: Mapped[bool] = mapped_column(default=False)
    allowance_requests: Mapped[int | None]
    allowance_days: Mapped[int] = mapped_column(default=30)
    rotate_every_days: Mapped[int | None]
    overlap_days: Mapped[int] = mapped_column(default=7, server_default="7")
    leak_action: Mapped[LeakAction] = mapped_column(
        words(LeakAction), default=LeakAction.REVOKE, server_default=LeakAction.REVOKE.value
    )
    retires_on: Mapped[date | None]
    successor_id: Mapped[int | None] = mapped_column(ForeignKey("plan.id"))
    state: Mapped[PlanState] = mapped_column(words(PlanState), default=PlanState.ACTIVE)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)

    successor: Mapped[Plan | None] = relationship(remote_side="Plan.id")

    __mapper_args__ = {"version_id_col": version}

    @property
    def label(self) -> str:
        """The name that people see (T18)."""
        return self.display_name

    def scopes_for(self, product: ApiProduct) -> list[str]:
        """The product's scopes that this plan opens: all of them, unless the plan names a selection."""
        return [name for name in product.scope_names if not self.scopes or name in self.scopes]


class Catalogue(Base):
    """A published selection of products and plans. A plan is offered for a product that stands in the same one."""

    __tablename__ = "catalogue"

    id: Mapped[pk]
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    description: Mapped[str] = mapped_column(Text, default="")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=now)

    products: Mapped[list[ApiProduct]] = relationship(secondary=catalogue_product, order_by=ApiProduct.name)
    plans: Mapped[list[Plan]] = relationship(secondary=catalogue_plan, order_by=Plan.id)

    __mapper_args__ = {"version_id_col": version}

    @property
    def label(self) -> str:
        """The name by which records call this catalogue."""
        return self.name
