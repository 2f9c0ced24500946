"""The terms of use of a product, in versions: what is written is never changed, only followed by another version."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from portal.accounts import User
from portal.catalog import fields
from portal.catalog.editing import lock_product
from portal.catalog.models import ApiProduct
from portal.db import Base, db, now, pk
from portal.errors import Conflict, Invalid
from portal.events import EventKind, record

LONGEST_TERMS = 100_000


class TermsOfUse(Base):
    """What whoever uses a product agrees to, from this version on."""

    __tablename__ = "terms_of_use"

    id: Mapped[pk]
    product_id: Mapped[int] = mapped_column(ForeignKey("api_product.id"))
    number: Mapped[int] = mapped_column(default=1)
    text: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime] = mapped_column(default=now)
    published_by_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))

    product: Mapped[ApiProduct] = relationship()
    published_by: Mapped[User] = relationship()

    __table_args__ = (UniqueConstraint("product_id", "number"),)

    @property
    def label(self) -> str:
        """How people and records call this version."""
        return f"{self.product.name}, version {self.number}"


def publish_terms(product: ApiProduct, text: str, *, by: User, after: int = 0) -> TermsOfUse:
    """The next version of a product's terms, in force at once for every secret that is revealed from now on.

    ``after`` is the number of the version that its author saw (0 when there was none). Raises Conflict when another
    came between, and Invalid for an empty text, or for that of the present version.
    """
    locked = lock_product(product, by=by)
    checked = fields.prose("The text", LONGEST_TERMS)(text, "text")
    if not checked:
        raise Invalid("Write what consumers have to agree to.", field="text")
    newest = newest_terms(locked)
    number = newest.number if newest is not None else 0
    if number != after:
        raise Conflict(f"Version {number} was published since you opened this page. Read it before you publish yours.")
    if newest is not None and newest.text == checked:
        raise Invalid(f"This is the text of version {number}, which is in force.", field="text")
    terms = TermsOfUse(product=locked, number=number + 1, text=checked, published_by=by)
    db.session.add(terms)
    db.session.flush()
    record(EventKind.TERMS_PUBLISHED, subject=locked, by=by, after={"version": terms.number})
    return terms


def newest_terms(product: ApiProduct) -> TermsOfUse | None:
    """The terms of use in force; None for a product that has none."""
    return next(iter(newest_terms_of([product.id])), None)


def newest_terms_of(product_ids: Collection[int]) -> Sequence[TermsOfUse]:
    """The terms of use in force of those of these products that have any, by the products' names."""
    if not product_ids:
        return []
    newest = select(TermsOfUse.product_id, func.max(TermsOfUse.number).label("number"))
    newest_ones = newest.where(TermsOfUse.product_id.in_(product_ids)).group_by(TermsOfUse.product_id).subquery()
    is_newest = (TermsOfUse.product_id == newest_ones.c.product_id) & (TermsOfUse.number == newest_ones.c.number)
    query = select(TermsOfUse).join(newest_ones, is_newest).join(TermsOfUse.product)
    query = query.options(joinedload(TermsOfUse.product)).order_by(ApiProduct.sort_name, ApiProduct.id)
    return db.session.scalars(query).all()


def terms_versions(product: ApiProduct) -> Sequence[TermsOfUse]:
    """All versions of a product's terms of use, the newest first."""
    query = select(TermsOfUse).where(TermsOfUse.product_id == product.id).order_by(TermsOfUse.number.desc())
    return db.session.scalars(query.options(joinedload(TermsOfUse.published_by))).all()
