"""Mails to those who review and rule: late answers, reviews that are passed on, decisions that need a second person."""

from __future__ import annotations

from portal.mail.kinds.kind import EVERYWHERE, NUMBER, REQUEST, MailKind

_LATE = {
    "requester_name": "Grace Hopper",
    "stage": "Security",
    "waiting_since": "16 November 2026, 09:12 UTC",
    "due": "19 November 2026, 17:00 UTC",
    "overdue": "yes",
    "stands_in_for": "Ada Lovelace",
    "expires": "4 December 2026, 17:00 UTC",
    "link": f"https://portal.example.com/admin/access-requests/{NUMBER}",
}
_POLICY = {
    "policy": "Policy 4 (Standard paths)",
    "scope": "all products",
    "by_name": "Katherine Johnson",
    "link": "https://portal.example.com/admin/policies/4",
}
REVIEW_MAILS = (
    MailKind(
        name="reminder",
        title="Reminder",
        recipients="The reviewers who have not answered yet, and who stands in for them",
        when="A stage has been open for a while, and daily in the days before it expires",
        placeholders={**EVERYWHERE, **REQUEST, **_LATE},
    ),
    MailKind(
        name="escalated",
        title="Escalated",
        recipients="The reviewers who have not answered, who stands in for them, and who is asked as well from now on",
        when="Nobody has answered a stage in time",
        placeholders={
            **EVERYWHERE,
            **REQUEST,
            **_LATE,
            "reason": "The security approval has been awaited since 16 November 2026.",
            "asked": "Ada Lovelace, Katherine Johnson",
        },
    ),
    MailKind(
        name="digest",
        title="Weekly digest",
        recipients="Administrators, and those to whom late stages are escalated",
        when="Once a week, if anything is open",
        placeholders={
            **EVERYWHERE,
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
        name="reassigned",
        title="Review passed on",
        recipients="The person who is asked now",
        when="A reviewer or an administrator passes a review on",
        placeholders={
            **EVERYWHERE,
            **REQUEST,
            "requester_name": "Grace Hopper",
            "requester_email": "grace@acme.example",
            "organisation": "Acme",
            "terms": "Quota: 10,000 requests per month\nRate limit: 10 requests per second\nCredential: ends in a year",
            "reason": "We show our customers what a journey will cost.",
            "stage": "Security",
            "because": "Production access is checked by security.",
            "notice": "Please look at the data sheet of Payments API first.",
            "by_name": "Katherine Johnson",
            "why": "You know this product better.",
            "link": f"https://portal.example.com/admin/access-requests/{NUMBER}",
        },
    ),
    MailKind(
        name="delegated",
        title="Standing in for somebody",
        recipients="The person who stands in",
        when="A reviewer lets somebody answer in their place for a time",
        placeholders={
            **EVERYWHERE,
            "by_name": "Katherine Johnson",
            "starts": "23 November 2026, 00:00 UTC",
            "ends": "5 December 2026, 00:00 UTC",
            "reason": "I am on holiday.",
            "link": "https://portal.example.com/admin/my-work",
        },
    ),
    MailKind(
        name="delegation_ended",
        title="Standing in ended by an administrator",
        recipients="Whoever stood in, and for whom",
        when="An administrator ends it before its time",
        placeholders={
            **EVERYWHERE,
            "deputy_name": "Grace Hopper",
            "absent_name": "Katherine Johnson",
            "by_name": "Samir Nasser",
            "reason": "She has left the team.",
            "link": "https://portal.example.com/admin/delegations",
        },
    ),
    MailKind(
        name="policy_waiting",
        title="Policy waits for activation",
        recipients="Everybody who may put it in force and wrote no part of it",
        when="The author of a policy asks for activation",
        placeholders={
            **EVERYWHERE,
            **_POLICY,
            "note": "Partners now need a legal review.",
        },
    ),
    MailKind(
        name="policy_activated",
        title="Policy put in force",
        recipients="Whoever asked for its activation",
        when="A second person puts it in force",
        placeholders={**EVERYWHERE, **_POLICY},
    ),
    MailKind(
        name="policy_sent_back",
        title="Policy sent back",
        recipients="Whoever asked for its activation",
        when="Somebody else makes a draft of it again",
        placeholders={**EVERYWHERE, **_POLICY, "reason": "Partners are asked by legal already."},
    ),
    MailKind(
        name="change_waiting",
        title="Change waits for a second person",
        recipients="Everybody who may confirm it",
        when="PORTICO_FOUR_EYES is on, and somebody gives roles or lets a plan approve by itself",
        placeholders={
            **EVERYWHERE,
            "change": "Roles of ada@portico.example",
            "wanted": "API owner, plan manager (until now: API owner)",
            "by_name": "Katherine Johnson",
            "link": "https://portal.example.com/admin/changes",
        },
    ),
)
