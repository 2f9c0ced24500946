"""A new secret for a credential. The old one stays good for a while, so that programs can change over one by one.

A credential has two secrets at most. When the old one's time is over it fails at the next look, whatever jobs run;
clearing its hash afterwards is tidying up.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from portal.accounts import User
from portal.credentials.issue import Revealed, lock_for_owner, put_secret, refuse_to_rotate
from portal.credentials.models import Credential, CredentialState
from portal.db import lock, now
from portal.errors import Conflict, Invalid, NotFound
from portal.events import EventKind, record


def rotate(credential: Credential, *, by: User, overlap_days: int = 0, seen: datetime | None = None) -> Revealed:
    """A new secret, shown this once; the old one stays good for ``overlap_days``, or stops at once (T84).

    ``seen`` is when the secret was made that the person wants to replace: of two clicks the second is refused. Raises
    Conflict also unless a secret was shown before, and Invalid for a longer overlap than the plan allows.
    """
    locked = lock_for_owner(credential, by=by)
    refuse_to_rotate(locked)
    if seen is not None and seen != locked.secret_made_at:
        raise Conflict("This secret was rotated a moment ago. Look at the app’s page before you rotate it again.")
    if not 0 <= overlap_days <= locked.plan.overlap_days:
        most = locked.plan.overlap_days
        raise Invalid(f"The old secret can stay good for at most {most} days.", field="overlap_days")
    _make_way(locked, overlap_days, by)
    revealed = put_secret(locked)
    until = locked.retiring_until
    record(
        EventKind.CREDENTIAL_ROTATED,
        subject=locked,
        by=by,
        after={"old_secret_ends_at": until or locked.secret_made_at},
    )
    return revealed


def keeps_older_secret(credential: Credential) -> bool:
    """Whether a rotation now would replace a new secret that nobody has used yet, and leave the older one as it is.

    Whoever lost the new secret before it was deployed would otherwise stop the one that is in use. Whether an API key
    is used nobody knows here, so of three keys the oldest ends.
    """
    is_unused = credential.is_use_known and credential.secret_used_at is None
    return credential.has_old_secret and (credential.secret_hash is None or is_unused)


def end_old_secret(credential: Credential, *, by: User) -> Credential:
    """Stop the old secret before its time, for the app's own people. Raises Conflict when it has ended."""
    locked = lock_for_owner(credential, by=by)
    if not locked.has_old_secret:
        raise Conflict("The old secret has ended already.")
    _end_old(locked, by, "Ended by the app’s owner.")
    return locked


def clear_old_secret(credential: Credential) -> bool:
    """Forget the hash of an old secret whose time is over; False when there is none. The caller has locked it."""
    if credential.retiring_hash is None or credential.has_old_secret:
        return False
    _end_old(credential, None, "Its time is over.")
    return True


def rotate_leaked(credential: Credential, secret_hash: str, *, by: User | None = None, reason: str) -> Credential:
    """Stop the secret with this hash at once; the owner has to rotate. The credential's other secret goes on.

    Raises Conflict when the credential has no such secret (any more), or has ended.
    """
    locked = _locked(credential)
    if secret_hash == locked.retiring_hash:
        _end_old(locked, by, reason)
    elif secret_hash == locked.secret_hash:
        _stop_present(locked, by, reason)
    else:
        raise Conflict("This secret does not work any more.")
    return locked


def stop_secrets(credential: Credential, *, by: User | None, reason: str) -> Credential:
    """Stop every secret of a credential at once; its access stays, and the owner has to rotate to use it."""
    locked = _locked(credential)
    if locked.secret_hash is None and not locked.has_old_secret:
        raise Conflict("This credential has no secret that works.")
    if locked.retiring_hash is not None:
        _end_old(locked, by, reason)
    if locked.secret_hash is not None:
        _stop_present(locked, by, reason)
    return locked


def _locked(credential: Credential) -> Credential:
    locked = lock(Credential, credential.id)
    if locked is None:
        raise NotFound("There is no such credential.")
    if locked.state is not CredentialState.ACTIVE:
        raise Conflict(f"This credential is {locked.status.lower()}.")
    return locked


def _make_way(credential: Credential, overlap_days: int, by: User) -> None:
    """Let the present secret be the old one for so long; there is one old secret, so an older one ends."""
    until = now() + timedelta(days=overlap_days)
    if overlap_days and keeps_older_secret(credential):
        credential.retiring_until = min(until, credential.retiring_until or until)
        return
    if credential.retiring_hash is not None:
        _end_old(credential, by, "The secret was rotated again." if credential.has_old_secret else "Its time is over.")
    if overlap_days and credential.secret_hash is not None:
        credential.retiring_hash, credential.retiring_hint = credential.secret_hash, credential.secret_hint
        credential.retiring_until, credential.retiring_used_at = until, credential.secret_used_at


def _end_old(credential: Credential, by: User | None, reason: str) -> None:
    before = {"secret": credential.retiring_hint, "last_used_at": credential.retiring_used_at}
    credential.retiring_hash, credential.retiring_hint = None, ""
    credential.retiring_until = credential.retiring_used_at = None
    record(EventKind.CREDENTIAL_OLD_SECRET_ENDED, subject=credential, by=by, reason=reason, before=before)


def _stop_present(credential: Credential, by: User | None, reason: str) -> None:
    before = {"secret": credential.secret_hint, "last_used_at": credential.secret_used_at}
    credential.secret_hash, credential.secret_hint = None, ""
    record(EventKind.CREDENTIAL_SECRET_STOPPED, subject=credential, by=by, reason=reason, before=before)
