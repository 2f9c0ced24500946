"""An outbox message as the bytes of a mail. The same message always makes the same bytes."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr

from portal.events import OutboxMessage
from portal.mail.language import clean, one_line

LONGEST_SUBJECT = 2_000
LONGEST_LOCAL_PART = 64
LONGEST_ADDRESS = 254
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u00a1-\U0010ffff-]+")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


class BadAddress(ValueError):
    """No mail can go to, or come from, such an address."""


def address_of(text: str) -> str:
    """One plain address, its domain in ASCII. Raises BadAddress for anything else (N2)."""
    local, at, domain = text.strip(" ").rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii") if not domain.isascii() else domain
    except UnicodeError as error:
        raise BadAddress("This is not a mail address: its domain does not exist.") from error
    is_local = len(local.encode()) <= LONGEST_LOCAL_PART and _LOCAL.fullmatch(local) and not _has_odd_space(local)
    is_domain = all(_LABEL.fullmatch(label) for label in domain.split("."))
    if not (at and is_local and is_domain) or len(local) + len(domain) >= LONGEST_ADDRESS:
        raise BadAddress("This is not a mail address.")
    return f"{local}@{domain}"


def needs_utf8(address: str) -> bool:
    """Whether only a server with SMTPUTF8 can take this address."""
    return not address.isascii()


def as_bytes(message: OutboxMessage, *, sender: str) -> bytes:
    """The mail as it goes over the wire. Raises BadAddress when sender or recipient is not one plain address."""
    recipient = address_of(message.recipient)
    policy = (SMTPUTF8 if needs_utf8(recipient) else SMTP).clone(cte_type="7bit")
    mail = EmailMessage(policy=policy)
    mail["From"] = _sender(sender)
    mail["To"] = _plain(recipient)
    mail["Subject"] = _as_written(one_line(message.subject)[:LONGEST_SUBJECT])
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = one_line(message.message_id)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if message.request_id:
        mail["X-Request-ID"] = one_line(message.request_id)
    text, html = str(message.payload.get("text", "")), str(message.payload.get("html", ""))
    mail.set_content(clean(text), charset="utf-8", cte=_encoding_for(text))
    if html:
        mail.add_alternative(clean(html), subtype="html", charset="utf-8", cte=_encoding_for(html))
        mail.set_boundary("=_" + re.sub(r"[^A-Za-z0-9]", "", message.message_id)[:60])
    return mail.as_bytes()


def _encoding_for(text: str) -> str:
    """The encoding by which every line stays short and ASCII, whatever was written: readable where it can be."""
    return "quoted-printable" if sum(character < "\x80" for character in text) * 2 > len(text) else "base64"


def _as_written(subject: str) -> str:
    """A subject in which nothing is taken for an encoded word, which could hide a line break."""
    return subject.replace("=?", "=\u2060?")


def _sender(text: str) -> Address:
    name, address = parseaddr(text)
    plain = _plain(address_of(address))
    return Address(one_line(name), plain.username, plain.domain)


def _plain(address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address("", local, domain)


def _has_odd_space(text: str) -> bool:
    return any(character.isspace() or not character.isprintable() for character in text)


def envelope_sender(sender: str) -> str:
    """The plain address of a configured sender, for MAIL FROM. Raises BadAddress."""
    return address_of(parseaddr(sender)[1])
