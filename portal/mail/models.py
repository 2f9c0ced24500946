"""Mail texts that an administrator changed; what is not here comes from the template folders."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from portal.db import Base, now


class MailTemplate(Base):
    """The edited subject and texts of one kind of mail."""

    __tablename__ = "mail_template"

    kind: Mapped[str] = mapped_column(String(60), primary_key=True)
    subject: Mapped[str] = mapped_column(String(300))
    body_text: Mapped[str] = mapped_column(Text)
    body_html: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    updated_by: Mapped[str] = mapped_column(String(320), default="")
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}

    @property
    def label(self) -> str:
        """The kind of mail by which records call this text."""
        return self.kind

    @property
    def id(self) -> int:
        """The version stands for the key in records, since the kind is the key here."""
        return self.version
