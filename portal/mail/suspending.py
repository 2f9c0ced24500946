"""The mails to an app's owner when an access is suspended or resumed by others, or has to be approved again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portal import access
from portal.access import Grant
from portal.events import Draft
from portal.mail.lateness import told

if TYPE_CHECKING:
    from portal.mail.compose import Composer


class SuspendingMails:
    """Writes them with the composer of the installation."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer

    def suspended(self, grant: Grant, reason: str, by: Any) -> list[Draft]:
        """The app's calls are refused for a time."""
        return self._to_owner("suspended", grant, reason, by)

    def resumed(self, grant: Grant, reason: str, by: Any) -> list[Draft]:
        """They are let through again."""
        return self._to_owner("resumed", grant, reason, by)

    def asked_again(self, grant: Grant, reason: str, by: Any) -> list[Draft]:
        """The access stays open until a day, and after it only if it is approved again."""
        request = access.pending_reapproval_of(grant)
        open_until = told(grant.reapprove_by) if grant.reapprove_by is not None and not grant.lacks_approval else ""
        values = {
            "app_name": grant.app.name,
            "products": grant.product.name,
            "client_id": grant.credential.client_id,
            "by_name": by.display_name if by is not None else self._composer.site_name,
            "reason": reason,
            "until": open_until,
            "stopped": "" if open_until else "yes",
            "number": request.number if request is not None else "",
            "link": f"{self._composer.base_url}/requests/{request.number}" if request is not None else "",
        }
        return self._composer.to_each("reapproval", [grant.app.owner], values)

    def _to_owner(self, kind: str, grant: Grant, reason: str, by: Any) -> list[Draft]:
        if by is not None and by.id == grant.app.owner_id:
            return []
        values = {
            "app_name": grant.app.name,
            "products": grant.product.name,
            "client_id": grant.credential.client_id,
            "by_name": by.display_name if by is not None else self._composer.site_name,
            "reason": reason,
            "link": f"{self._composer.base_url}/apps/{grant.app_id}/access/{grant.id}",
        }
        return self._composer.to_each(kind, [grant.app.owner], values)
