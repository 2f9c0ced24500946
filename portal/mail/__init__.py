"""Telling people by mail: a channel of the events room. What the mails say is in ``templates/emails/``."""

from portal.mail.channel import MailChannel
from portal.mail.kinds import KINDS, MailKind
from portal.mail.models import MailTemplate
from portal.mail.texts import (
    BadTexts,
    Rendered,
    Texts,
    check,
    check_notice,
    edited_subjects,
    find_edited,
    notice_names,
    preview,
    render,
    restore,
    save,
    shipped,
    texts_of,
)

__all__ = [
    "KINDS",
    "BadTexts",
    "MailChannel",
    "MailKind",
    "MailTemplate",
    "Rendered",
    "Texts",
    "check",
    "check_notice",
    "edited_subjects",
    "find_edited",
    "notice_names",
    "preview",
    "render",
    "restore",
    "save",
    "shipped",
    "texts_of",
]
