"""The kinds of mail: who gets each, when, and which placeholders its texts may hold. The one place that knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_NUMBER = "AR-2026-000123"
_EVERYWHERE = {"recipient_name": "Ada Lovelace", "site_name": "Portico"}
_REQUEST = {
    "number": _NUMBER,
    "app_name": "Route planner",
    "products": "Payments API, Weather API",
    "plan": "Gold",
}


@dataclass(frozen=True)
class MailKind:
    """One kind of mail. ``placeholders`` maps each name that its texts may hold to a sample value."""

    name: str
    title: str
    recipients: str
    when: str
    placeholders: Mapping[str, str]


_ALL = (
    MailKind(
        name="submitted",
        title="New access request",
        recipients="The reviewers whose answer is needed",
        when="A request is submitted, or its next approval opens",
        placeholders={
            **_EVERYWHERE,
            **_REQUEST,
            "requester_name": "Grace Hopper",
            "requester_email": "grace@acme.example",
            "organisation": "Acme",
            "terms": "Quota: 10,000 requests per month\nRate limit: 10 requests per 1 s\nCredential: ends in a year",
            "reason": "We show our customers what a journey will cost.",
            "stage": "Owner",
            "because": "Gold needs the approval of an owner.",
            "link": f"https://portal.example.com/admin/access-requests/{_NUMBER}",
        },
    ),
    MailKind(
        name="approve",
        title="Request approved",
        recipients="The person who asked",
        when="A request is approved, by people or by its plan",
        placeholders={
            **_EVERYWHERE,
            **_REQUEST,
            "automatic": "",
            "comment": "Welcome. Please use the sandbox first.",
            "credential": "an OAuth client",
            "to_reveal": "yes",
            "extended": "",
            "link": "https://portal.example.com/apps/7",
        },
    ),
    MailKind(
        name="reject",
        title="Request rejected",
        recipients="The person who asked",
        when="A reviewer rejects a request",
        placeholders={
            **_EVERYWHERE,
            **_REQUEST,
            "reason": "Please ask for the Silver plan: Gold is for production use.",
            "link": f"https://portal.example.com/requests/{_NUMBER}",
        },
    ),
    MailKind(
        name="withdrawn",
        title="Request withdrawn",
        recipients="The reviewers who had been asked",
        when="The requester takes a request back before it is decided",
        placeholders={
            **_EVERYWHERE,
            **_REQUEST,
            "requester_name": "Grace Hopper",
            "reason": "The app was deleted.",
            "link": f"https://portal.example.com/admin/access-requests/{_NUMBER}",
        },
    ),
    MailKind(
        name="revoked",
        title="Access revoked",
        recipients="The owner of the app",
        when="Somebody else ends a credential or an access of the app",
        placeholders={
            **_EVERYWHERE,
            "app_name": "Route planner",
            "products": "Payments API, Weather API",
            "client_id": "pc_4f8b21",
            "reason": "The key was found in a public repository.",
            "link": "https://portal.example.com/apps/7",
        },
    ),
)
KINDS: Mapping[str, MailKind] = {kind.name: kind for kind in _ALL}
