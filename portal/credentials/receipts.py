"""Receipts: who accepted which version of a product's terms of use for which credential, and when (C72)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from portal.accounts import User
from portal.catalog import ApiProduct, TermsOfUse
from portal.credentials.models import Credential
from portal.db import Base, db, now, pk
from portal.events import EventKind, record


class TermsReceipt(Base):
    """That a person accepted these terms for this credential; never changed, never taken away."""

    __tablename__ = "terms_receipt"

    id: Mapped[pk]
    credential_id: Mapped[int] = mapped_column(ForeignKey("credential.id"))
    terms_id: Mapped[int] = mapped_column(ForeignKey("terms_of_use.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("portal_user.id"))
    accepted_at: Mapped[datetime] = mapped_column(default=now)

    credential: Mapped[Credential] = relationship()
    terms: Mapped[TermsOfUse] = relationship()
    person: Mapped[User] = relationship()

    __table_args__ = (UniqueConstraint("credential_id", "terms_id"),)


def give_receipt(credential: Credential, terms: TermsOfUse, *, by: User) -> TermsReceipt:
    """Store that this person accepts these terms for this credential, which the caller has locked."""
    receipt = TermsReceipt(credential=credential, terms=terms, person=by)
    db.session.add(receipt)
    accepted = {"product": terms.product.name, "version": terms.number}
    record(EventKind.TERMS_ACCEPTED, subject=credential, by=by, after=accepted)
    return receipt


def receipts_of(credential_ids: Collection[int]) -> Sequence[TermsReceipt]:
    """What was accepted for these credentials, the newest first."""
    if not credential_ids:
        return []
    query = select(TermsReceipt).where(TermsReceipt.credential_id.in_(credential_ids))
    query = query.options(
        joinedload(TermsReceipt.terms).joinedload(TermsOfUse.product), joinedload(TermsReceipt.person)
    )
    return db.session.scalars(query.order_by(TermsReceipt.id.desc())).all()


def count_receipts(product: ApiProduct) -> dict[int, int]:
    """For each version of a product's terms, by its key, for how many credentials it was accepted."""
    query = select(TermsReceipt.terms_id, func.count()).join(TermsReceipt.terms)
    query = query.where(TermsOfUse.product_id == product.id).group_by(TermsReceipt.terms_id)
    return {row[0]: row[1] for row in db.session.execute(query)}
