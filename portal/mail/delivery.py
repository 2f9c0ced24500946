"""Handing mails to the mail server by Flask-Mail, with the time-outs that it does not set.

A refusal by the server is about one mail. No answer, no connection or no sign-in is about the server: an outage, in
which no mail loses anything. A connection that is lost in the middle is the server's fault too, unless it answers
others meanwhile: then it is that mail which it cannot bear.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from flask_mail import Connection, Mail

from portal.config import Settings
from portal.events import Failed, OutboxMessage
from portal.mail.message import BadAddress, address_of, as_bytes, envelope_sender, needs_utf8

MOST_LOST_IN_A_ROW = 3
SENDER_FAULTS_OF_THE_MAIL = {552}  # too large: said at MAIL FROM, but about the mail
Result = tuple[OutboxMessage, Failed | None]


class TimedConnection(Connection):
    """A Flask-Mail connection that gives up on a server that does not answer."""

    def __init__(self, mail: Any, timeout: float) -> None:
        super().__init__(mail)
        self.timeout = timeout

    def configure_host(self) -> smtplib.SMTP | smtplib.SMTP_SSL:
        """Connect and sign in; what was opened is closed again if that fails."""
        opener = smtplib.SMTP_SSL if self.mail.use_ssl else smtplib.SMTP
        host = opener(self.mail.server, self.mail.port, timeout=self.timeout)
        try:
            if self.mail.use_tls:
                host.starttls()
            host.ehlo_or_helo_if_needed()
            if self.mail.username and self.mail.password:
                host.login(self.mail.username, self.mail.password)
        except BaseException:
            host.close()
            raise
        return host

    def open(self) -> TimedConnection:
        """Connect now. Raises OSError or SMTPException."""
        self.host = self.configure_host()
        return self

    def hand_over(self, message: OutboxMessage, sender: str) -> None:
        """Send one mail, whose bytes are the same at every try. Raises BadAddress, OSError or SMTPException."""
        recipient, content = address_of(message.recipient), as_bytes(message, sender=sender)
        options = ["SMTPUTF8"] if needs_utf8(recipient) else []
        if self.host is None:
            raise smtplib.SMTPServerDisconnected("There is no connection.")
        self.host.sendmail(envelope_sender(sender), [recipient], content, options)

    def close(self) -> None:
        """Say goodbye, if somebody still listens."""
        host, self.host = self.host, None
        if host is not None:
            with suppress(smtplib.SMTPException, OSError):
                host.quit()
            host.close()

    def forget(self) -> None:
        """Begin anew after a refusal: the server may still hold the sender and recipient of the refused mail."""
        try:
            if self.host is not None and self.is_open:
                self.host.rset()
        except (smtplib.SMTPException, OSError):
            self.close()

    @property
    def is_open(self) -> bool:
        """Whether the server is still there, as far as we know (smtplib drops the socket on 421 and on errors)."""
        return self.host is not None and self.host.sock is not None


class Postman:
    """Takes mails to the configured server, one after the other by one connection, and says what became of each."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.mail = Mail().init_mail(
            {
                "MAIL_SERVER": settings.mail_server,
                "MAIL_PORT": settings.mail_port,
                "MAIL_USERNAME": settings.mail_username or None,
                "MAIL_PASSWORD": settings.mail_password or None,
                "MAIL_USE_TLS": settings.mail_use_tls,
                "MAIL_USE_SSL": settings.mail_use_ssl,
                "MAIL_DEFAULT_SENDER": settings.mail_from,
            },
            debug=False,
            testing=False,
        )

    def deliver(self, messages: Iterable[OutboxMessage]) -> Iterator[Result]:
        """Send each mail. During an outage nothing more is tried: the rest fails with it."""
        connection = TimedConnection(self.mail, self.settings.mail_timeout_seconds)
        answered, lost, outage = False, list[OutboxMessage](), None
        try:
            for message in messages:
                outage = outage or self._reach(connection)
                if outage is not None:
                    yield message, outage
                    continue
                failed = self._send(connection, message)
                if failed is not _LOST:
                    answered = True
                    if failed is not None:
                        connection.forget()
                    yield message, failed
                    continue
                connection.close()
                lost.append(message)
                if len(lost) >= MOST_LOST_IN_A_ROW and not answered:
                    outage = _outage("The mail server breaks off the connection.")
            for message in lost:
                yield message, _LOST if answered and outage is None else _outage(_LOST.reason)
        finally:
            connection.close()

    def _reach(self, connection: TimedConnection) -> Failed | None:
        if connection.is_open:
            return None
        connection.close()
        try:
            connection.open()
        except Exception as error:  # noqa: BLE001  whatever a library raises here, nobody was reached
            return _outage(f"The mail server cannot be used: {_told(error)}")
        return None

    def _send(self, connection: TimedConnection, message: OutboxMessage) -> Failed | None:
        try:
            connection.hand_over(message, self.settings.mail_from)
        except BadAddress as error:
            return Failed(str(error), permanent=True)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            return _refused(code, text)
        except smtplib.SMTPSenderRefused as error:
            if error.smtp_code in SENDER_FAULTS_OF_THE_MAIL:
                return _refused(error.smtp_code, error.smtp_error)
            return _outage(f"The mail server refuses the sender {error.sender}: {error.smtp_code}")
        except smtplib.SMTPNotSupportedError as error:
            return Failed(f"The mail server cannot take this address: {_told(error)}", permanent=True)
        except smtplib.SMTPResponseException as error:
            return _refused(error.smtp_code, error.smtp_error)
        except (smtplib.SMTPException, OSError):
            return _LOST
        except Exception as error:  # noqa: BLE001  one mail that cannot be made must not stop the others (X14)
            return Failed(f"This mail could not be sent: {_told(error)}")
        return None


_LOST = Failed("The mail server broke off the connection, or did not answer in time.")


def _refused(code: int, text: bytes | str) -> Failed:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return Failed(f"The mail server answered {code} {words}"[:1000], permanent=500 <= code < 600)


def _outage(reason: str) -> Failed:
    return Failed(reason, outage=True)


def _told(error: Exception) -> str:
    """What a library raised, without what could be secret (a sign-in's answer may quote the password)."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"it refuses the sign-in ({error.smtp_code})"
    return f"{type(error).__name__}: {error}"[:500]
