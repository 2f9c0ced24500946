"""Telling people by mail: a channel of the events room."""

from portal.mail.channel import MailChannel
from portal.mail.models import MailTemplate

__all__ = ["MailChannel", "MailTemplate"]
