"""The mails about access that ends by itself: before it does, with the way to go on, and when it has."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from portal import access, accounts, lifecycle
from portal.access import Grant, RequestKind
from portal.accounts import RoleName
from portal.credentials import Credential
from portal.db import now
from portal.events import Draft
from portal.lifecycle import Ending
from portal.mail.lateness import told

if TYPE_CHECKING:
    from portal.mail.compose import Composer

DAY = timedelta(days=1)


class ExpiryMails:
    """Writes them for one installation."""

    def __init__(self, composer: Composer, notice_days: tuple[int, ...]) -> None:
        self.composer = composer
        self.notice_days = notice_days

    def noticed(self, credential: Credential, _reason: str, _by: Any) -> list[Draft]:
        """To the app's owner: what ends when on this credential, and where to ask for more time in one click.

        To administrators when the owner's account is closed: the app gets no token until somebody else has it.
        """
        soon = now() + timedelta(days=max(self.notice_days)) + DAY
        ends = [ending for ending in lifecycle.endings_of(credential) if ending.ends_at <= soon]
        if not ends:
            return []
        values = {
            **_about(credential),
            "products": ", ".join(ending.products for ending in ends),
            "left": _left(ends[0]),
            "ends": "\n".join(f"{ending.products}: {told(ending.ends_at)}" for ending in ends),
        }
        owner = credential.app.owner
        people = [owner] if owner.active else accounts.people_with_role(RoleName.ADMINISTRATOR)
        return self.composer.to_each("access_ending", people, {**values, **self._way_on(credential)})

    def ended(self, grant: Grant, _reason: str, _by: Any) -> list[Draft]:
        """To the app's owner: one mail for all that ended at the same moment on the same credential."""
        together = access.ended_together(grant)
        if grant.request.kind is RequestKind.BREAK_GLASS or together[0].id != grant.id:
            return []
        pending = access.pending_renewal_of(grant.credential)
        values = {
            **_about(grant.credential),
            "products": ", ".join(each.product.name for each in together),
            "ended": told(grant.ends_at),
            "pending": pending.number if pending is not None else "",
            "to_ask": "" if pending is not None else "yes",
            "link": f"{self.composer.base_url}/catalogues" if pending is None else self._request(pending.number),
        }
        return self.composer.to_each("access_ended", [grant.app.owner], values)

    def _way_on(self, credential: Credential) -> dict[str, str]:
        """What can be done so that the access goes on: by its owner, or by whoever finds it another one."""
        nothing = {"pending": "", "to_renew": "", "orphaned": ""}
        owner = credential.app.owner
        if not owner.active:
            link = f"{self.composer.base_url}/admin/apps/{credential.app_id}/transfer"
            return {**nothing, "orphaned": owner.display_name, "link": link}
        pending = access.renewal_of(credential, days=self.notice_days).pending
        if pending is not None:
            return {**nothing, "pending": pending.number, "link": self._request(pending.number)}
        return {**nothing, "to_renew": "yes", "link": self._link(credential)}

    def _link(self, credential: Credential) -> str:
        return f"{self.composer.base_url}/apps/{credential.app_id}/credentials/{credential.id}/renew"

    def _request(self, number: str) -> str:
        return f"{self.composer.base_url}/requests/{number}"


def _about(credential: Credential) -> dict[str, str]:
    return {
        "app_name": credential.app.name,
        "credential": credential.name,
        "client_id": credential.client_id,
        "plan": credential.plan.display_name,
    }


def _left(ending: Ending) -> str:
    """How much time is left, in whole days as one counts them."""
    days = -(-(ending.ends_at - now()) // DAY)
    return "1 day" if days == 1 else f"{days} days"
