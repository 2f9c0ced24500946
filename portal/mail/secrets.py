"""The mails about secrets, to an app's owner: one that nobody has claimed, one to rotate, one that was stopped."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from portal import access
from portal.credentials import Credential
from portal.db import now
from portal.events import Draft
from portal.mail.lateness import told

if TYPE_CHECKING:
    from portal.mail.compose import Composer


class SecretMails:
    """Writes them for one installation. ``claim_days`` is how long after the reminder an unclaimed secret is gone."""

    def __init__(self, composer: Composer, *, claim_days: int) -> None:
        self.composer = composer
        self._claim_days = claim_days

    def unclaimed(self, credential: Credential, _reason: str, _by: Any) -> list[Draft]:
        """A secret waits to be revealed, and will not wait for ever."""
        ends = now() + timedelta(days=self._claim_days)
        return self._to("unclaimed", credential, {"since": told(credential.created_at), "ends": told(ends)})

    def to_rotate(self, credential: Credential, _reason: str, _by: Any) -> list[Draft]:
        """The plan's schedule asks for a new secret."""
        overlap, is_overdue = credential.plan.overlap_days, credential.is_rotation_overdue
        values = {
            "made": told(credential.secret_made_at),
            "rotate_by": told(credential.rotate_by),
            "overdue": "yes" if is_overdue else "",
            "coming": "" if is_overdue else "yes",
            "overlap": f"{overlap} day{'' if overlap == 1 else 's'}" if overlap else "",
        }
        return self._to("rotate", credential, values)

    def stopped(self, credential: Credential, reason: str, by: Any) -> list[Draft]:
        """An administrator has stopped the secret before its time. Of a leak that was reported another mail tells."""
        if by is None or by.id == credential.app.owner_id:
            return []
        return self._to("secret_stopped", credential, {"reason": reason})

    def _to(self, kind: str, credential: Credential, values: Mapping[str, str]) -> list[Draft]:
        opened = [
            g.product.name for g in access.grants_of(credential.app) if g.credential_id == credential.id and g.is_held
        ]
        about = {
            "app_name": credential.app.name,
            "products": ", ".join(opened),
            "client_id": credential.client_id,
            "link": f"{self.composer.base_url}/apps/{credential.app_id}",
        }
        return self.composer.to_each(kind, [credential.app.owner], {**about, **values})
