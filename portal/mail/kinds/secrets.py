"""Mails about secrets: to be revealed, to be replaced, stopped, found in public."""

from __future__ import annotations

from portal.mail.kinds.kind import EVERYWHERE, MailKind

_SECRET = {
    "app_name": "Route planner",
    "products": "Payments API, Weather API",
    "client_id": "pc_4f8b21",
    "link": "https://portal.example.com/apps/7",
}
SECRET_MAILS = (
    MailKind(
        name="unclaimed",
        title="Secret not revealed yet",
        recipients="The owner of the app",
        when="Nobody has revealed the secret of a credential for some days",
        placeholders={
            **EVERYWHERE,
            **_SECRET,
            "since": "9 November 2026, 09:12 UTC",
            "ends": "23 November 2026, 09:12 UTC",
        },
    ),
    MailKind(
        name="rotate",
        title="Secret to rotate",
        recipients="The owner of the app",
        when="14 and 3 days before a secret is to be replaced by its plan’s schedule, that day, and each quarter after",
        placeholders={
            **EVERYWHERE,
            **_SECRET,
            "made": "16 November 2026, 09:12 UTC",
            "rotate_by": "14 February 2027, 09:12 UTC",
            "overdue": "",
            "coming": "yes",
            "overlap": "7 days",
        },
    ),
    MailKind(
        name="secret_stopped",
        title="Secret stopped",
        recipients="The owner of the app",
        when="Somebody else stops a secret before its time",
        placeholders={**EVERYWHERE, **_SECRET, "reason": "It was seen in a public repository."},
    ),
    MailKind(
        name="leaked",
        title="Secret found in public",
        recipients="The owner of the app, the owners of the products that it opens, and security reviewers",
        when="A leaked secret is reported and stopped; that of a gateway is told to administrators",
        placeholders={
            **EVERYWHERE,
            "app_name": "Route planner",
            "client_id": "pc_4f8b21",
            "products": "Payments API, Weather API",
            "where": "https://code.example.com/acme/planner/blob/main/.env",
            "revoked": "yes",
            "rotate": "",
            "gateway": "",
            "yours": "yes",
            "theirs": "",
            "link": "https://portal.example.com/apps/7",
        },
    ),
    MailKind(
        name="token_leaked",
        title="API token found in public",
        recipients="The person whose token it was",
        when="A leaked token of a person is reported and revoked",
        placeholders={
            **EVERYWHERE,
            "token": "Build server",
            "where": "It was found in public at https://code.example.com/acme/planner/blob/main/.env.",
            "made": "16 November 2026, 09:12 UTC",
            "last_used": "20 November 2026, 17:40 UTC",
            "unused": "",
            "link": "https://portal.example.com/account/tokens",
        },
    ),
)
