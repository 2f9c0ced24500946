"""The names by which the rest of the room knows ``provisioning``, ``ending`` and ``holdings``."""

from portal.access.ending import (
    close_as_withdrawn,
    close_refused,
    delete_app,
    end_expired,
    may_revoke,
    may_revoke_credential,
    revoke_access,
    revoke_credential,
)
from portal.access.holdings import (
    Tally,
    find_grant,
    grants_from,
    grants_of,
    held_by,
    pending_requests_of,
    tallies,
)
from portal.access.provisioning import provision

__all__ = [
    "Tally",
    "close_as_withdrawn",
    "close_refused",
    "delete_app",
    "end_expired",
    "find_grant",
    "grants_from",
    "grants_of",
    "held_by",
    "may_revoke",
    "may_revoke_credential",
    "pending_requests_of",
    "provision",
    "revoke_access",
    "revoke_credential",
    "tallies",
]
