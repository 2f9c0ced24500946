"""Mails about emergency access: used, reviewed, barred."""

from __future__ import annotations

from portal.mail.kinds.kind import EVERYWHERE, NUMBER, REQUEST, MailKind

_EMERGENCY = {
    "requester_name": "Grace Hopper",
    "requester_email": "grace@acme.example",
    "organisation": "Acme",
}
EMERGENCY_MAILS = (
    MailKind(
        name="break_glass",
        title="Emergency access used",
        recipients="Administrators, security reviewers, the owners of the product, those who review it, and its user",
        when="Somebody takes emergency access",
        placeholders={
            **EVERYWHERE,
            **REQUEST,
            **_EMERGENCY,
            "environment": "Production",
            "scopes": "payments:read, payments:write",
            "ends": "21 November 2026, 03:42 UTC",
            "reason": "Payments are down and on-call has to replay the queue.",
            "yours": "",
            "theirs": "yes",
            "link": f"https://portal.example.com/admin/access-requests/{NUMBER}",
        },
    ),
    MailKind(
        name="break_glass_reviewed",
        title="Emergency access reviewed",
        recipients="The person who used it",
        when="A reviewer says that an emergency access was right",
        placeholders={
            **EVERYWHERE,
            **REQUEST,
            "comment": "Well done. Please write down what the queue needed.",
            "link": f"https://portal.example.com/requests/{NUMBER}",
        },
    ),
    MailKind(
        name="barred",
        title="Emergency access barred",
        recipients="The person who used it",
        when="A reviewer says that an emergency access was not right, or nobody reviewed it in time",
        placeholders={
            **EVERYWHERE,
            "reason": f"The review of {NUMBER} ended with: There was no emergency.",
            "link": "https://portal.example.com/requests",
        },
    ),
    MailKind(
        name="bar_lifted",
        title="Emergency access possible again",
        recipients="The person who was barred",
        when="An administrator lifts a bar",
        placeholders={
            **EVERYWHERE,
            "reason": "We have spoken about it.",
            "link": "https://portal.example.com/emergency-access",
        },
    ),
)
