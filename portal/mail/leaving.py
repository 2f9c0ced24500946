"""The mails about what ends or changes hands: products and plans that are retired, apps, access that nobody uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portal import access, accounts, events
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, Plan, ProductState
from portal.events import Draft

if TYPE_CHECKING:
    from portal.mail.compose import Composer


class LeavingMails:
    """Writes them for one installation."""

    def __init__(self, composer: Composer) -> None:
        self.composer = composer

    def announced(self, thing: ApiProduct | Plan, reason: str, _by: Any) -> list[Draft]:
        """To everybody whose apps have access: this product or plan ends on a day."""
        return self._ending(thing, reason, ended=False)

    def product_moved(self, product: ApiProduct, reason: str, _by: Any) -> list[Draft]:
        """To the same people, when a product has been retired; its other moves take nothing from anybody."""
        return self._ending(product, reason, ended=True) if product.state is ProductState.RETIRED else []

    def plan_ended(self, plan: Plan, reason: str, _by: Any) -> list[Draft]:
        """To the same people, when a plan has been retired."""
        return self._ending(plan, reason, ended=True)

    def questioned(self, app: DeveloperApp, lines: str, by: Any) -> list[Draft]:
        """To the owner of an app: whether it still needs what it does not use."""
        values = {
            "by_name": by.display_name if by is not None else self.composer.site_name,
            "app_name": app.name,
            "accesses": lines,
            "link": self._app_link(app),
        }
        return self.composer.to_each("unused", [app.owner], values)

    def transferred(self, app: DeveloperApp, reason: str, by: Any) -> list[Draft]:
        """To the new owner of an app, and to the former one unless it was they who gave it away."""
        values = {
            "by_name": by.display_name if by is not None else self.composer.site_name,
            "app_name": app.name,
            "owner_name": app.owner.display_name,
            "reason": reason,
            "link": self._app_link(app),
            "back": f"{self._app_link(app)}/transfer?back=yes" if access.former_owner(app) is not None else "",
        }
        before = events.subject_history(app)[-1].before.get("owner", "")
        former = accounts.find_person_by_email(str(before))
        told = [former] if former is not None and (by is None or former.id != by.id) else []
        return [
            *self.composer.to_each("transferred", [app.owner], {**values, "yours": "yes", "theirs": ""}),
            *self.composer.to_each(
                "transferred", told, {**values, "yours": "", "theirs": "yes", "link": "", "back": ""}
            ),
        ]

    def _ending(self, thing: ApiProduct | Plan, reason: str, *, ended: bool) -> list[Draft]:
        """One mail to each owner, whatever the number of their apps."""
        day = thing.retires_on
        values = {
            "thing": f"the {'plan' if isinstance(thing, Plan) else 'API product'} {thing.label}",
            "date": f"{day.day} {day:%B %Y}" if day is not None else "",
            "ended": "yes" if ended else "",
            "announced": "" if ended else "yes",
            "successor": thing.successor.label if thing.successor is not None else "",
            "reason": reason,
        }
        mails = []
        for owner, apps in access.people_touched_by(thing).items():
            mine = {"apps": ", ".join(app.name for app in apps), "link": self._link_for(apps)}
            mails += self.composer.to_each("ending", [owner], {**values, **mine})
        return mails

    def _link_for(self, apps: list[DeveloperApp]) -> str:
        return self._app_link(apps[0]) if len(apps) == 1 else f"{self.composer.base_url}/apps"

    def _app_link(self, app: DeveloperApp) -> str:
        return f"{self.composer.base_url}/apps/{app.id}"
