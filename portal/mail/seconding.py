"""The mails of decisions that take two: to those who can be the second person, and back to whoever asked.

A policy waits for activation, and a change for confirmation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from portal import policies, proposals
from portal.accounts import User
from portal.events import Draft
from portal.policies import PolicyVersion
from portal.proposals import ProposedChange

if TYPE_CHECKING:
    from portal.mail.compose import Composer


class SecondingMails:
    """Writes them for one installation."""

    def __init__(self, composer: Composer) -> None:
        self.composer = composer

    def policy(self, version: PolicyVersion, _reason: str, by: Any) -> list[Draft]:
        """To everybody who may put it in force."""
        values = {
            "policy": version.label,
            "scope": version.product.name if version.product is not None else "all products",
            "by_name": by.display_name,
            "note": version.note,
            "link": f"{self.composer.base_url}/admin/policies/{version.id}",
        }
        return self.composer.to_each("policy_waiting", policies.second_persons(version), values)

    def policy_in_force(self, version: PolicyVersion, _reason: str, by: Any) -> list[Draft]:
        """To whoever asked for it."""
        return self._answered("policy_activated", version, {}, by)

    def policy_sent_back(self, version: PolicyVersion, reason: str, by: Any) -> list[Draft]:
        """To whoever asked for it, unless they have taken it back themselves."""
        return self._answered("policy_sent_back", version, {"reason": reason}, by)

    def _answered(self, kind: str, version: PolicyVersion, more: Mapping[str, str], by: User) -> list[Draft]:
        asker = policies.asked_by(version)
        if asker is None or asker.id == by.id:
            return []
        values = {
            "policy": version.label,
            "scope": version.product.name if version.product is not None else "all products",
            "by_name": by.display_name,
            "link": f"{self.composer.base_url}/admin/policies/{version.id}",
        }
        return self.composer.to_each(kind, [asker], {**values, **more})

    def change(self, proposed: ProposedChange, _reason: str, by: Any) -> list[Draft]:
        """To everybody who may confirm it."""
        values = {
            "change": proposed.label,
            "wanted": proposed.in_words,
            "by_name": by.display_name,
            "link": f"{self.composer.base_url}/admin/changes",
        }
        return self.composer.to_each("change_waiting", proposals.second_persons(proposed), values)
