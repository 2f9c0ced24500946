"""The mails about a secret that was found in public: to the app's owner, and to who answers for what it opened.

Of the token of a person, that person is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portal import accounts, lifecycle
from portal.accounts import RoleName
from portal.catalog import LeakAction
from portal.credentials import Gateway, PersonalToken
from portal.events import Draft, EventKind
from portal.lifecycle import LeakReport
from portal.mail.lateness import told

if TYPE_CHECKING:
    from portal.mail.compose import Composer

FOLLOWING = frozenset({EventKind.CREDENTIAL_REVOKED, EventKind.CREDENTIAL_SECRET_STOPPED})


class LeakMails:
    """Writes them with the composer of the installation."""

    def __init__(self, composer: Composer) -> None:
        self._composer = composer

    def tell_all_about(self, kind: EventKind, reason: str, by: Any) -> bool:
        """Whether this event follows from a leak, of which these mails have told everything already."""
        return kind in FOLLOWING and by is None and reason.startswith(lifecycle.FOUND_IN_PUBLIC)

    def leaked(self, subject: LeakReport | Gateway | PersonalToken, reason: str, _by: Any) -> list[Draft]:
        """Somebody has found a secret, and it was stopped."""
        if isinstance(subject, Gateway):
            return self._of_gateway(subject)
        if isinstance(subject, PersonalToken):
            return self._of_person(subject, reason)
        credential = subject.credential
        opened = lifecycle.opened_by(credential)
        revoked = subject.action is LeakAction.REVOKE
        values = {
            "app_name": credential.app.name,
            "client_id": credential.client_id,
            "products": ", ".join(grant.product.name for grant in opened),
            "where": subject.url,
            "revoked": "yes" if revoked else "",
            "rotate": "" if revoked else "yes",
            "gateway": "",
        }
        owner = credential.app.owner
        others = {person.id: person for grant in opened for person in grant.product.owners}
        others |= {person.id: person for person in accounts.people_with_role(RoleName.SECURITY_REVIEWER)}
        others.pop(owner.id, None)
        own = {"yours": "yes", "theirs": "", "link": f"{self._composer.base_url}/apps/{credential.app_id}"}
        theirs = {"yours": "", "theirs": "yes", "link": f"{self._composer.base_url}/admin/leaks"}
        return [
            *self._composer.to_each("leaked", [owner], {**values, **own}),
            *self._composer.to_each("leaked", others.values(), {**values, **theirs}),
        ]

    def _of_gateway(self, gateway: Gateway) -> list[Draft]:
        values = {
            "app_name": gateway.name,
            "client_id": gateway.client_id,
            "products": "",
            "where": "",
            "revoked": "",
            "rotate": "",
            "gateway": "yes",
            "yours": "",
            "theirs": "yes",
            "link": f"{self._composer.base_url}/admin/audit",
        }
        return self._composer.to_each("leaked", accounts.people_with_role(RoleName.ADMINISTRATOR), values)

    def _of_person(self, token: PersonalToken, reason: str) -> list[Draft]:
        values = {
            "token": token.name,
            "where": reason,
            "made": told(token.made_at),
            "last_used": told(token.last_used_at),
            "unused": "" if token.last_used_at else "yes",
            "link": f"{self._composer.base_url}/account/tokens",
        }
        return self._composer.to_each("token_leaked", [token.person], values)
