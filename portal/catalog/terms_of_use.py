"""The terms of use of a product, in versions: what is written is never changed, only followed by another version."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.accounts import User
from portal.catalog.models import ApiProduct
from portal.db import Base, now, pk


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
