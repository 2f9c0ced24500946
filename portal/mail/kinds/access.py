"""Mails about access that is held: stopped, running out, unused, in other hands."""

from __future__ import annotations

from portal.mail.kinds.kind import EVERYWHERE, MailKind

_ENDING = {
    "app_name": "Route planner",
    "products": "Payments API, Weather API",
    "plan": "Gold",
    "credential": "Gold, production",
    "client_id": "pc_4f8b21",
}
ACCESS_MAILS = (
    MailKind(
        name="revoked",
        title="Access revoked",
        recipients="The owner of the app",
        when="Somebody else ends a credential or an access of the app",
        placeholders={
            **EVERYWHERE,
            "app_name": "Route planner",
            "products": "Payments API, Weather API",
            "client_id": "pc_4f8b21",
            "reason": "The key was found in a public repository.",
            "link": "https://portal.example.com/apps/7",
        },
    ),
    MailKind(
        name="suspended",
        title="Access suspended",
        recipients="The owner of the app",
        when="Somebody else suspends an access of the app",
        placeholders={
            **EVERYWHERE,
            "app_name": "Route planner",
            "products": "Payments API",
            "client_id": "pc_4f8b21",
            "by_name": "Ada Lovelace",
            "reason": "It sends ten times the calls that were agreed on.",
            "link": "https://portal.example.com/apps/7/access/12",
        },
    ),
    MailKind(
        name="resumed",
        title="Access resumed",
        recipients="The owner of the app",
        when="Somebody else resumes a suspended access of the app",
        placeholders={
            **EVERYWHERE,
            "app_name": "Route planner",
            "products": "Payments API",
            "client_id": "pc_4f8b21",
            "by_name": "Ada Lovelace",
            "reason": "Thank you for the correction.",
            "link": "https://portal.example.com/apps/7/access/12",
        },
    ),
    MailKind(
        name="access_ending",
        title="Access ends soon",
        recipients="The owner of the app; administrators while its owner’s account is closed",
        when="Some days before access ends by itself (PORTICO_EXPIRY_NOTICE_DAYS)",
        placeholders={
            **EVERYWHERE,
            **_ENDING,
            "left": "7 days",
            "ends": "Payments API, Weather API: 28 November 2026, 09:12 UTC",
            "pending": "",
            "to_renew": "yes",
            "orphaned": "",
            "link": "https://portal.example.com/apps/7/credentials/12/renew",
        },
    ),
    MailKind(
        name="access_ended",
        title="Access has ended",
        recipients="The owner of the app",
        when="Access has ended by itself",
        placeholders={
            **EVERYWHERE,
            **_ENDING,
            "ended": "28 November 2026, 09:12 UTC",
            "pending": "",
            "to_ask": "yes",
            "link": "https://portal.example.com/catalogues",
        },
    ),
    MailKind(
        name="ending",
        title="API product or plan ends",
        recipients="The owners of the apps that have access, one mail each",
        when="The end of a product or plan is announced with its day, and when it has come",
        placeholders={
            **EVERYWHERE,
            "thing": "the API product Payments API",
            "apps": "Route planner, Shop",
            "date": "1 March 2027",
            "announced": "yes",
            "ended": "",
            "successor": "Payments API v2",
            "reason": "Version 2 does everything that this one does.",
            "link": "https://portal.example.com/apps",
        },
    ),
    MailKind(
        name="unused",
        title="Access not used",
        recipients="The owner of the app",
        when="An API owner or administrator asks whether an app still needs what it does not use",
        placeholders={
            **EVERYWHERE,
            "by_name": "Katherine Johnson",
            "app_name": "Route planner",
            "accesses": (
                "Payments API (Gold): not used for 120 days\nWeather API (Gold): never used, granted 94 days ago"
            ),
            "link": "https://portal.example.com/apps/7",
        },
    ),
    MailKind(
        name="transferred",
        title="App given to somebody else",
        recipients="The new owner of the app, and the former one unless they gave it away themselves",
        when="An app changes hands",
        placeholders={
            **EVERYWHERE,
            "by_name": "Katherine Johnson",
            "app_name": "Route planner",
            "owner_name": "Ada Lovelace",
            "reason": "Grace has moved to another team.",
            "yours": "yes",
            "theirs": "",
            "link": "https://portal.example.com/apps/7",
            "back": "https://portal.example.com/apps/7/transfer?back=yes",
        },
    ),
)
