"""Secrets that were found where everybody can read them: whoever finds one tells, and it stops at once.

What the plan says is done: the credential is revoked with all its access, or the leaked secret alone is stopped, so
that its owner has to make a new one. A report that comes twice changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from sqlalchemy import ForeignKey, String, UniqueConstraint, or_, select
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from portal import access, credentials, events
from portal.access import Grant
from portal.catalog import LeakAction
from portal.credentials import Credential, Gateway, InitialAccessToken, PersonalToken, RegisteredClient
from portal.db import Base, db, lock, now, pk, words
from portal.events import EventKind, record

FOUND_IN_PUBLIC = "Its secret was found in public"
LONGEST_URL = 2000
LONGEST_SOURCE = 60
LONGEST_SHOWN = 300


class LeakReport(Base):
    """That a credential's secret was found in public, by whom, where, and what was done about it.

    The secret itself is not kept; ``secret_hash`` makes a report that comes twice one report.
    """

    __tablename__ = "leak_report"

    id: Mapped[pk]
    credential_id: Mapped[int] = mapped_column(ForeignKey("credential.id"))
    secret_hash: Mapped[str] = mapped_column(String(64))
    reporter: Mapped[str] = mapped_column(String(120))
    source: Mapped[str] = mapped_column(String(60), default="")
    url: Mapped[str] = mapped_column(String(2000), default="")
    action: Mapped[LeakAction] = mapped_column(words(LeakAction))
    reported_at: Mapped[datetime] = mapped_column(default=now)

    credential: Mapped[Credential] = relationship()

    __table_args__ = (UniqueConstraint("credential_id", "secret_hash"),)

    @property
    def label(self) -> str:
        """The client id of the credential, by which records call this report."""
        return self.credential.client_id


@dataclass(frozen=True)
class Find:
    """A text that looks like one of our secrets, and where it was found."""

    token: str
    url: str = ""
    source: str = ""

    def __repr__(self) -> str:
        return f"Find(token=…, source={self.source!r})"


def take_reports(finds: Sequence[Find], *, reporter: str) -> list[bool]:
    """Stop every secret among these texts, and say of each text whether it is one of ours.

    One look at each table for all of them.
    """
    by_hash = {credentials.hash_secret(find.token): find for find in finds if credentials.well_formed(find.token)}
    known = _reported(by_hash)
    for owner, secret_hash in _owners(by_hash.keys() - known):
        _take(owner, secret_hash, by_hash[secret_hash], reporter)
        known.add(secret_hash)
    return [credentials.hash_secret(find.token) in known for find in finds]


def leak_reports(*, before_id: int | None = None, size: int = 50) -> Sequence[LeakReport]:
    """The newest reports first, paged by key."""
    query = select(LeakReport).order_by(LeakReport.id.desc()).limit(size)
    if before_id is not None:
        query = query.where(LeakReport.id < before_id)
    loaded = joinedload(LeakReport.credential).joinedload(Credential.app)
    return db.session.scalars(query.options(loaded)).all()


def opened_by(credential: Credential) -> Sequence[Grant]:
    """The access that a credential holds; that of its parent, if it registered itself."""
    holder = credential.parent_id or credential.id
    return [grant for grant in access.grants_of(credential.app) if grant.credential_id == holder and grant.is_held]


def _reported(hashes: Iterable[str]) -> set[str]:
    query = select(LeakReport.secret_hash).where(LeakReport.secret_hash.in_(list(hashes)))
    return set(db.session.scalars(query))


Owner = Credential | InitialAccessToken | RegisteredClient | Gateway | PersonalToken


def _owners(hashes: Iterable[str]) -> Iterable[tuple[Owner, str]]:
    """What these hashes belong to, each with the hash."""
    wanted = list(hashes)
    if not wanted:
        return
    held = select(Credential).where(or_(Credential.secret_hash.in_(wanted), Credential.retiring_hash.in_(wanted)))
    for credential in db.session.scalars(held.order_by(Credential.id)).all():
        own = (credential.secret_hash, credential.retiring_hash)
        yield from ((credential, found) for found in own if found in wanted)
    tokens = select(InitialAccessToken).where(InitialAccessToken.token_hash.in_(wanted))
    yield from ((token, token.token_hash) for token in db.session.scalars(tokens).all())
    clients = select(RegisteredClient).where(RegisteredClient.token_hash.in_(wanted))
    yield from ((client, client.token_hash) for client in db.session.scalars(clients).all())
    personal = select(PersonalToken).where(PersonalToken.token_hash.in_(wanted))
    yield from ((token, token.token_hash) for token in db.session.scalars(personal).all())
    gateways = select(Gateway).where(Gateway.secret_hash.in_(wanted))
    yield from ((gateway, gateway.secret_hash) for gateway in db.session.scalars(gateways).all())


def _take(owner: Owner, secret_hash: str, find: Find, reporter: str) -> None:
    """Do what has to be done about one secret. The record says that it leaked before it says what followed."""
    if isinstance(owner, Gateway):
        _tell_of_gateway(owner, find, reporter)
        return
    if isinstance(owner, PersonalToken):
        _end_personal(owner, find, reporter)
        return
    credential = lock(Credential, owner.id if isinstance(owner, Credential) else owner.credential_id)
    if credential is None or not credential.is_live:
        return
    if isinstance(owner, Credential) and secret_hash not in (credential.secret_hash, credential.retiring_hash):
        return  # its owner was quicker, and has rotated it away
    if isinstance(owner, InitialAccessToken):
        _withdraw(owner)
        return
    action = credential.plan.leak_action if isinstance(owner, Credential) else LeakAction.REVOKE
    report = _report(credential, secret_hash, action, find, reporter)
    reason = f"{FOUND_IN_PUBLIC}{f' at {report.url[:LONGEST_SHOWN]}' if report.url else ''}."
    if action is LeakAction.ROTATE:
        credentials.rotate_leaked(credential, secret_hash, by=None, reason=reason)
    else:
        access.end_credential(credential, by=None, reason=reason)


def _end_personal(token: PersonalToken, find: Find, reporter: str) -> None:
    """End the token of a person, once."""
    locked = lock(PersonalToken, token.id)
    if locked is not None and locked.is_good:
        facts = _facts_of(find, reporter)
        where = facts["url"][:LONGEST_SHOWN]
        reason = f"It was found in public{f' at {where}' if where else ''}."
        record(EventKind.SECRET_LEAKED, subject=locked, by=None, reason=reason, after=facts)
        credentials.end_personal_token(locked, by=None, reason=reason)


def _withdraw(token: InitialAccessToken) -> None:
    """Let nobody register with it. It is good once, for a day at most, so the record is enough."""
    locked = lock(InitialAccessToken, token.id)
    if locked is not None and locked.is_good:
        credentials.withdraw_token(locked, by=None, reason="It was found in public.")


def _report(credential: Credential, secret_hash: str, action: LeakAction, find: Find, reporter: str) -> LeakReport:
    report = LeakReport(
        credential=credential,
        secret_hash=secret_hash,
        reporter=reporter,
        source=_told(find.source, find)[:LONGEST_SOURCE],
        url=_told(find.url, find)[:LONGEST_URL],
        action=action,
    )
    db.session.add(report)
    db.session.flush()
    record(EventKind.SECRET_LEAKED, subject=report, by=None, after=_facts(report.url, report.source, reporter))
    return report


def _tell_of_gateway(gateway: Gateway, find: Find, reporter: str) -> None:
    """Only tell: without its gateway every API behind it is closed, and its secret opens none of them."""
    told = any(event.kind is EventKind.SECRET_LEAKED for event in events.subject_history(gateway))
    if gateway.revoked_at is None and not told:
        record(EventKind.SECRET_LEAKED, subject=gateway, by=None, after=_facts_of(find, reporter))


def _facts_of(find: Find, reporter: str) -> Mapping[str, str]:
    """What the record says of a find whose report is not kept."""
    return _facts(_told(find.url, find)[:LONGEST_URL], _told(find.source, find)[:LONGEST_SOURCE], reporter)


def _facts(url: str, source: str, reporter: str) -> Mapping[str, str]:
    return {"reporter": reporter, "source": source, "url": url}


def _told(text: str, find: Find) -> str:
    """The text on one line, without the secret: an address may hold what was found there (I13)."""
    if find.token in unquote(text):
        text = text.replace(find.token, "…")
        text = "" if find.token in unquote(text) else text
    text = credentials.without_secrets(text)
    return "".join(sign for sign in text if sign.isprintable())
