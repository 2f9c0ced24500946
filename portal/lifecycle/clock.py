"""What time does to a credential and its access: one clock, which hands each timer that fires to whoever knows it.

A step locks the credential and looks at it anew. A step and the firing of its timers are one transaction. That access
ends needs no timer: ``portal.access.entitlement`` looks at the time itself (C157).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from portal import schedule
from portal.credentials import Credential
from portal.db import lock
from portal.lifecycle import claiming, notices, rotation
from portal.lifecycle.timers import SUBJECT, CredentialTimer
from portal.schedule import Planned

Step = Callable[[Credential, Sequence[Planned]], None]
STEPS: Mapping[CredentialTimer, Step] = {
    CredentialTimer.EXPIRY_NOTICE: notices.give_notice,
    CredentialTimer.CLAIM_REMIND: claiming.remind,
    CredentialTimer.CLAIM_END: claiming.give_up,
    CredentialTimer.ROTATE_REMIND: rotation.remind,
    CredentialTimer.OVERLAP_END: rotation.end_overlap,
}


def credentials_due(*, size: int = 100, without: Iterable[int] = ()) -> Sequence[int]:
    """The credentials for which a timer has come, the latest first."""
    return schedule.due_subjects(SUBJECT, size=size, without=without)


def keep_time(credential_id: int) -> bool:
    """Do what is due for this credential; False when another was quicker or it has ended meanwhile."""
    credential = lock(Credential, credential_id)
    fired = schedule.claim_due(SUBJECT, credential_id)
    if credential is None or not credential.is_live:
        return False
    for kind, step in STEPS.items():
        of_kind = [planned for planned in fired if planned.kind == kind]
        if of_kind:
            step(credential, of_kind)
    return bool(fired)
