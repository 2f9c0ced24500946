"""The kinds of mail: who gets each, when, and which placeholders its texts may hold. The one place that knows."""

from __future__ import annotations

from collections.abc import Mapping

from portal.mail.kinds.access import ACCESS_MAILS
from portal.mail.kinds.emergency import EMERGENCY_MAILS
from portal.mail.kinds.kind import MailKind
from portal.mail.kinds.requests import REQUEST_MAILS
from portal.mail.kinds.reviews import REVIEW_MAILS
from portal.mail.kinds.secrets import SECRET_MAILS

__all__ = ["KINDS", "MailKind"]

_ALL = (*REQUEST_MAILS, *REVIEW_MAILS, *ACCESS_MAILS, *SECRET_MAILS, *EMERGENCY_MAILS)
KINDS: Mapping[str, MailKind] = {kind.name: kind for kind in _ALL}
