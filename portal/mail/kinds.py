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
_LATE = {
    "requester_name": "Grace Hopper",
    "stage": "Security",
    "waiting_since": "16 November 2026, 09:12 UTC",
    "due": "19 November 2026, 17:00 UTC",
    "overdue": "yes",
    "expires": "4 December 2026, 17:00 UTC",
    "link": f"https://portal.example.com/admin/access-requests/{_NUMBER}",
}
_ASKED = {
    "requester_name": "Grace Hopper",
    "asker_name": "Ada Lovelace",
    "stage": "Security",
    "question": "How many calls do you expect in a day?",
    "answer": "",
    "link": f"https://portal.example.com/requests/{_NUMBER}",
}
_EMERGENCY = {
    "requester_name": "Grace Hopper",
    "requester_email": "grace@acme.example",
    "organisation": "Acme",
}
_ENDING = {
    "app_name": "Route planner",
    "products": "Payments API, Weather API",
    "plan": "Gold",
    "credential": "Gold, production",
    "client_id": "pc_4f8b21",
}
_SECRET = {
    "app_name": "Route planner",
    "products": "Payments API, Weather API",
    "client_id": "pc_4f8b21",
    "link": "https://portal.example.com/apps/7",
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
            "moved": "",
            "renewed": "",
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
    MailKind(
        name="unclaimed",
        title="Secret not revealed yet",
        recipients="The owner of the app",
        when="Nobody has revealed the secret of a credential for some days",
        placeholders={
            **_EVERYWHERE,
            **_SECRET,
            "since": "9 November 2026, 09:12 UTC",
            "ends": "23 November 2026, 09:12 UTC",
        },
    ),
    MailKind(
        name="rotate",
        title="Secret to rotate",
        recipients="The owner of the app",
        when="14 and 3 days before a secret is to be replaced by its plan's schedule, that day, and each quarter after",
        placeholders={
            **_EVERYWHERE,
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
        placeholders={**_EVERYWHERE, **_SECRET, "reason": "It was seen in a public repository."},
    ),
    MailKind(
        name="suspended",
        title="Access suspended",
        recipients="The owner of the app",
        when="Somebody else suspends an access of the app",
        placeholders={
            **_EVERYWHERE,
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
            **_EVERYWHERE,
            "app_name": "Route planner",
            "products": "Payments API",
            "client_id": "pc_4f8b21",
            "by_name": "Ada Lovelace",
            "reason": "Thank you for the correction.",
            "link": "https://portal.example.com/apps/7/access/12",
        },
    ),
    MailKind(
        name="reminder",
        title="Reminder",
        recipients="The reviewers who have not answered yet",
        when="A stage has been open for a while, and daily in the days before it expires",
        placeholders={**_EVERYWHERE, **_REQUEST, **_LATE},
    ),
    MailKind(
        name="escalated",
        title="Escalated",
        recipients="The reviewers who have not answered, and those who are asked as well from now on",
        when="Nobody has answered a stage in time",
        placeholders={
            **_EVERYWHERE,
            **_REQUEST,
            **_LATE,
            "reason": "The security approval has been awaited since 16 November 2026.",
            "asked": "Ada Lovelace, Katherine Johnson",
        },
    ),
    MailKind(
        name="expired",
        title="Request expired",
        recipients="The person who asked, and the reviewers who had been asked",
        when="Nobody answered a stage, or a reviewer's question, before its time was over",
        placeholders={
            **_EVERYWHERE,
            **_REQUEST,
            "reason": "Nobody gave the security approval in time.",
            "yours": "yes",
            "theirs": "",
            "link": f"https://portal.example.com/requests/{_NUMBER}",
        },
    ),
    MailKind(
        name="unanswered",
        title="Question not answered yet",
        recipients="The person who asked for access",
        when="A reviewer's question has waited for long, and the request will expire",
        placeholders={
            **_EVERYWHERE,
            **_REQUEST,
            "stage": "Security",
            "expires": "10 December 2026, 17:00 UTC",
            "link": f"https://portal.example.com/requests/{_NUMBER}",
        },
    ),
    MailKind(
        name="digest",
        title="Weekly digest",
        recipients="Administrators, and those to whom late stages are escalated",
        when="Once a week, if anything is open",
        placeholders={
            **_EVERYWHERE,
            "count": "2 answers are",
            "overdue": "1",
            "items": (
                "AR-2026-000123 (Security), Route planner: Payments API\n"
                "open for 9 days, OVERDUE since 17 November 2026, 17:00 UTC, waits for Ada Lovelace\n\n"
                "AR-2026-000127 (Owner), Shop: Weather API\n"
                "open for 1 day, due 27 November 2026, 17:00 UTC, waits for Grace Hopper"
            ),
            "link": "https://portal.example.com/admin/access-requests",
        },
    ),
    MailKind(
        name="question",
        title="Question about a request",
        recipients="The person who asked for access",
        when="A reviewer wants to know something before deciding",
        placeholders={**_EVERYWHERE, **_REQUEST, **_ASKED, "expires": "10 December 2026, 17:00 UTC"},
    ),
    MailKind(
        name="answer",
        title="Question answered",
        recipients="The reviewer who asked",
        when="The requester answers a question",
        placeholders={
            **_EVERYWHERE,
            **_REQUEST,
            **_ASKED,
            "answer": "About a thousand on a working day.",
            "link": f"https://portal.example.com/admin/access-requests/{_NUMBER}",
        },
    ),
    MailKind(
        name="changed",
        title="Request changed",
        recipients="The reviewers whose answer is awaited, or no longer counts",
        when="The requester changes a request while it is reviewed",
        placeholders={
            **_EVERYWHERE,
            **_REQUEST,
            "requester_name": "Grace Hopper",
            "reason": "Now for our partners as well.",
            "voided": "yes",
            "awaited": "",
            "stage": "Security",
            "link": f"https://portal.example.com/admin/access-requests/{_NUMBER}",
        },
    ),
    MailKind(
        name="denied",
        title="Request denied by policy",
        recipients="The person who asked",
        when="The policy does not allow what was asked for",
        placeholders={
            **_EVERYWHERE,
            **_REQUEST,
            "reason": "Restricted products are not given to outside organisations.",
            "link": f"https://portal.example.com/requests/{_NUMBER}",
        },
    ),
    MailKind(
        name="reassigned",
        title="Review passed on",
        recipients="The person who is asked now",
        when="A reviewer or an administrator passes a review on",
        placeholders={
            **_EVERYWHERE,
            **_REQUEST,
            "requester_name": "Grace Hopper",
            "requester_email": "grace@acme.example",
            "organisation": "Acme",
            "terms": "Quota: 10,000 requests per month\nRate limit: 10 requests per 1 s\nCredential: ends in a year",
            "reason": "We show our customers what a journey will cost.",
            "stage": "Security",
            "because": "Production access is checked by security.",
            "by_name": "Katherine Johnson",
            "why": "You know this product better.",
            "link": f"https://portal.example.com/admin/access-requests/{_NUMBER}",
        },
    ),
    MailKind(
        name="delegated",
        title="Standing in for somebody",
        recipients="The person who stands in",
        when="A reviewer lets somebody answer in their place for a time",
        placeholders={
            **_EVERYWHERE,
            "by_name": "Katherine Johnson",
            "starts": "23 November 2026, 00:00 UTC",
            "ends": "5 December 2026, 00:00 UTC",
            "reason": "I am on holiday.",
            "link": "https://portal.example.com/admin/my-work",
        },
    ),
    MailKind(
        name="policy_waiting",
        title="Policy waits for activation",
        recipients="Everybody who may put it in force and wrote no part of it",
        when="The author of a policy asks for activation",
        placeholders={
            **_EVERYWHERE,
            "policy": "Policy 4 (Standard paths)",
            "scope": "all products",
            "by_name": "Katherine Johnson",
            "note": "Partners now need a legal review.",
            "link": "https://portal.example.com/admin/policies/4",
        },
    ),
    MailKind(
        name="change_waiting",
        title="Change waits for a second person",
        recipients="Everybody who may confirm it",
        when="PORTICO_FOUR_EYES is on, and somebody gives roles or lets a plan approve by itself",
        placeholders={
            **_EVERYWHERE,
            "change": "Roles of ada@portico.example",
            "wanted": "API owner, plan manager (until now: API owner)",
            "by_name": "Katherine Johnson",
            "link": "https://portal.example.com/admin/changes",
        },
    ),
    MailKind(
        name="access_ending",
        title="Access ends soon",
        recipients="The owner of the app",
        when="Some days before access ends by itself (PORTICO_EXPIRY_NOTICE_DAYS)",
        placeholders={
            **_EVERYWHERE,
            **_ENDING,
            "left": "7 days",
            "ends": "Payments API, Weather API: 28 November 2026, 09:12 UTC",
            "pending": "",
            "to_renew": "yes",
            "link": "https://portal.example.com/apps/7/credentials/12/renew",
        },
    ),
    MailKind(
        name="access_ended",
        title="Access has ended",
        recipients="The owner of the app",
        when="Access has ended by itself",
        placeholders={
            **_EVERYWHERE,
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
            **_EVERYWHERE,
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
            **_EVERYWHERE,
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
            **_EVERYWHERE,
            "by_name": "Katherine Johnson",
            "app_name": "Route planner",
            "owner_name": "Ada Lovelace",
            "reason": "Grace has moved to another team.",
            "yours": "yes",
            "theirs": "",
            "link": "https://portal.example.com/apps/7",
        },
    ),
    MailKind(
        name="leaked",
        title="Secret found in public",
        recipients="The owner of the app, the owners of the products that it opens, and security reviewers",
        when="A leaked secret is reported and stopped; that of a gateway is told to administrators",
        placeholders={
            **_EVERYWHERE,
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
            **_EVERYWHERE,
            "token": "Build server",
            "where": "It was found in public at https://code.example.com/acme/planner/blob/main/.env.",
            "made": "16 November 2026, 09:12 UTC",
            "last_used": "20 November 2026, 17:40 UTC",
            "unused": "",
            "link": "https://portal.example.com/account/tokens",
        },
    ),
    MailKind(
        name="break_glass",
        title="Emergency access used",
        recipients="Administrators, security reviewers, the owners of the product, those who review it, and its user",
        when="Somebody takes emergency access",
        placeholders={
            **_EVERYWHERE,
            **_REQUEST,
            **_EMERGENCY,
            "environment": "Production",
            "scopes": "payments:read, payments:write",
            "ends": "21 November 2026, 03:42 UTC",
            "reason": "Payments are down and on-call has to replay the queue.",
            "yours": "",
            "theirs": "yes",
            "link": f"https://portal.example.com/admin/access-requests/{_NUMBER}",
        },
    ),
    MailKind(
        name="break_glass_reviewed",
        title="Emergency access reviewed",
        recipients="The person who used it",
        when="A reviewer says that an emergency access was right",
        placeholders={
            **_EVERYWHERE,
            **_REQUEST,
            "comment": "Well done. Please write down what the queue needed.",
            "link": f"https://portal.example.com/requests/{_NUMBER}",
        },
    ),
    MailKind(
        name="barred",
        title="Emergency access barred",
        recipients="The person who used it",
        when="A reviewer says that an emergency access was not right, or nobody reviewed it in time",
        placeholders={
            **_EVERYWHERE,
            "reason": f"The review of {_NUMBER} ended with: There was no emergency.",
            "link": "https://portal.example.com/requests",
        },
    ),
    MailKind(
        name="bar_lifted",
        title="Emergency access possible again",
        recipients="The person who was barred",
        when="An administrator lifts a bar",
        placeholders={
            **_EVERYWHERE,
            "reason": "We have spoken about it.",
            "link": "https://portal.example.com/emergency-access",
        },
    ),
)
KINDS: Mapping[str, MailKind] = {kind.name: kind for kind in _ALL}
