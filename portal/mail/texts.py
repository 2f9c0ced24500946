"""The texts of the mails: those that were shipped, and those that an administrator put in their place."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from markupsafe import Markup
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from portal.accounts import User
from portal.db import db
from portal.errors import Conflict, Invalid
from portal.events import EventKind, record
from portal.mail.kinds import KINDS, MailKind
from portal.mail.language import BadText, Fault, Steps, clean, for_html, one_line, read, without_controls, write
from portal.mail.models import MailTemplate
from portal.paths import data_path

LONGEST_SUBJECT = 300
LONGEST_WRITTEN_SUBJECT, LONGEST_WRITTEN_NOTICE = 200, 20_000
log = structlog.get_logger(__name__)
_EDITED = select(MailTemplate.subject, MailTemplate.body_text, MailTemplate.body_html).where(
    MailTemplate.kind == bindparam("kind")
)


@dataclass(frozen=True)
class Texts:
    """The subject and the two bodies of one kind of mail."""

    subject: str
    text: str
    html: str

    @property
    def mark(self) -> str:
        """What changes when a text does; a form brings back the mark of what was on the screen."""
        return hashlib.sha256(repr((self.subject, self.text, self.html)).encode()).hexdigest()[:16]

    def as_record(self) -> dict[str, Any]:
        """The texts as the audit record keeps them."""
        return {"subject": self.subject, "text": self.text, "html": self.html}


@dataclass(frozen=True)
class Rendered:
    """A mail as it will be sent."""

    subject: str
    text: str
    html: str


class BadTexts(Invalid):
    """Texts that are not in the language, with what is wrong in each."""

    def __init__(self, faults: Mapping[str, list[Fault]]) -> None:
        first = next(iter(faults.values()))[0]
        super().__init__(str(first), field=next(iter(faults)))
        self.faults = faults


def texts_of(kind: str) -> Texts:
    """The texts in force for this kind of mail."""
    return _edited(kind) or shipped(kind)


@cache
def shipped(kind: str) -> Texts:
    """The texts that Portico came with."""
    folder = data_path("templates") / "emails" / kind
    subject, text, html = ((folder / name).read_text() for name in ("subject.txt", "body.txt", "body.html"))
    return Texts(subject.strip(), _plain(text), _plain(html))


def find_edited(kind: str) -> MailTemplate | None:
    """Who changed this kind's texts, and when; None while it is as shipped."""
    return db.session.get(MailTemplate, kind)


def render(kind: str, values: Mapping[str, str], *, texts: Texts | None = None) -> Rendered:
    """A mail of this kind, in the texts of this moment. A stored text that is broken gives way to the shipped one."""
    try:
        return render_texts(KINDS[kind], texts or texts_of(kind), values)
    except BadText as error:
        log.error("mail_text_broken", kind=kind, error=str(error))
        return render_texts(KINDS[kind], shipped(kind), values)


def render_texts(kind: MailKind, texts: Texts, values: Mapping[str, str]) -> Rendered:
    """A mail in these texts. Raises BadText when one is not in the language."""
    subject_steps, text_steps, html_steps = (_steps(kind, part) for part in (texts.subject, texts.text, texts.html))
    cleaned = {name: clean(value) for name, value in values.items()}
    subject = one_line(write(subject_steps, {name: one_line(value) for name, value in values.items()}))
    subject = _shortened(subject) or kind.title
    text = write(text_steps, cleaned).strip() + "\n"
    inner = write(html_steps, for_html(cleaned))
    framed = for_html({"content": Markup(inner), "subject": subject, "site_name": cleaned.get("site_name", "")})  # noqa: S704  every value in it is escaped
    return Rendered(subject, text, write(_frame(), framed))


def preview(kind: str, texts: Texts, *, site_name: str) -> Rendered:
    """These texts with sample values. Raises BadTexts."""
    check(kind, texts)
    return render_texts(KINDS[kind], texts, {**KINDS[kind].placeholders, "site_name": site_name})


def check(kind: str, texts: Texts) -> None:
    """Raise BadTexts when a text is not in the language, holds unknown placeholders, or is missing."""
    faults: dict[str, list[Fault]] = {}
    for field, content in texts.as_record().items():
        try:
            if not content.strip():
                raise BadText([Fault(1, "This cannot be empty.")])
            if field == "subject" and (len(content) > LONGEST_SUBJECT or len(content.splitlines()) > 1):
                raise BadText([Fault(1, f"A subject is one line of at most {LONGEST_SUBJECT} characters.")])
            _steps(KINDS[kind], content)
        except BadText as error:
            faults[field] = list(error.faults)
    if faults:
        raise BadTexts(faults)


def check_notice(text: str) -> None:
    """Raise Invalid when what a stage adds to its mail is not in the language, or names what nobody knows there."""
    try:
        read(text, _for_notices())
    except BadText as error:
        raise Invalid(str(error.faults[0]), field="notice") from error


def notice_in(text: str, values: Mapping[str, str]) -> str:
    """What a stage adds to its mail, with its placeholders filled; nothing when it cannot be read.

    It is a placeholder itself: what two hundred long reasons make of it must not stand in the mail two hundred times.
    """
    try:
        return write(read(text, _for_notices()), values)[:LONGEST_WRITTEN_NOTICE]
    except BadText as error:
        log.error("stage_notice_broken", error=str(error))
        return ""


def notice_names() -> list[str]:
    """The placeholders that a stage's own text may hold."""
    return sorted(_for_notices())


def save(kind: str, texts: Texts, *, seen: str, by: User) -> None:
    """Put these texts in force. Raises BadTexts, and Conflict when they are not what the person saw (``seen``)."""
    texts = Texts(without_controls(texts.subject).strip(), _plain(texts.text), _plain(texts.html))
    check(kind, texts)
    stored = _locked(kind)
    before = _texts_in(stored) or shipped(kind)
    if seen != before.mark:
        who = f" by {stored.updated_by}" if stored is not None else ""
        raise Conflict(f"These texts have been changed{who} since you opened them. What you typed is still here.")
    if texts == before:
        return
    stored = stored or MailTemplate(kind=kind)
    stored.subject, stored.body_text, stored.body_html = texts.subject, texts.text, texts.html
    stored.updated_by = by.email
    db.session.add(stored)
    try:
        db.session.flush()
    except IntegrityError as error:  # two people changed the shipped text at the same moment
        raise Conflict("Somebody else has just changed these texts. What you typed is still here.") from error
    record(EventKind.MAIL_TEMPLATE_CHANGED, subject=stored, by=by, before=before.as_record(), after=texts.as_record())


def restore(kind: str, *, by: User) -> None:
    """Put the shipped texts back in force. Raises Conflict when they are."""
    stored = _locked(kind)
    before = _texts_in(stored)
    if stored is None or before is None:
        raise Conflict("These are the shipped texts already.")
    after = shipped(kind).as_record()
    record(
        EventKind.MAIL_TEMPLATE_CHANGED,
        subject=stored,
        by=by,
        reason="Restored the shipped texts.",
        before=before.as_record(),
        after=after,
    )
    db.session.delete(stored)


def edited_subjects() -> dict[str, str]:
    """The kinds of mail whose texts an administrator has changed, with their subjects."""
    rows = db.session.execute(select(MailTemplate.kind, MailTemplate.subject))
    return {kind: subject for kind, subject in rows}  # noqa: C416  a row is not a pair to mypy


def _edited(kind: str) -> Texts | None:
    row = db.session.execute(_EDITED, {"kind": kind}).first()
    return Texts(*row) if row is not None else None


def _texts_in(stored: MailTemplate | None) -> Texts | None:
    return Texts(stored.subject, stored.body_text, stored.body_html) if stored is not None else None


def _locked(kind: str) -> MailTemplate | None:
    return db.session.get(MailTemplate, kind, with_for_update=True, populate_existing=True)


@cache
def _for_notices() -> frozenset[str]:
    return _names_of("submitted") - {"notice", "recipient_name", "site_name"}


def _steps(kind: MailKind, text: str) -> Steps:
    return read(text, _names_of(kind.name))


@cache
def _names_of(kind: str) -> frozenset[str]:
    return frozenset(KINDS[kind].placeholders)


@cache
def _frame() -> Steps:
    frame = (data_path("templates") / "emails" / "frame.html").read_text()
    return read(frame, frozenset({"content", "subject", "site_name"}))


def _shortened(subject: str) -> str:
    if len(subject) <= LONGEST_WRITTEN_SUBJECT:
        return subject
    return subject[: LONGEST_WRITTEN_SUBJECT - 1].rstrip() + "…"


def _plain(text: str) -> str:
    """A body with one kind of line break and one at its end, so that what a form brings back unchanged is the same."""
    return without_controls(text).strip("\n") + "\n"
