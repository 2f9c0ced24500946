"""The Admin Portal's menu: what this person may open, in groups."""

from __future__ import annotations

from typing import Any

from flask import request, url_for

from admin.changes import four_eyes
from portal import access, proposals
from portal.accounts import Right, User

CHANGES = "admin.changes.index"
MENU: list[tuple[str, list[tuple[str, str, Right]]]] = [
    (
        "Reviews",
        [
            ("My work", "admin.my_work.show", Right.DECIDE_REQUESTS),
            ("Out of office", "admin.delegations.index", Right.DECIDE_REQUESTS),
            ("Changes to confirm", CHANGES, Right.USE_ADMIN),
        ],
    ),
    (
        "API Consumers",
        [
            ("Access Requests", "admin.access_requests.index", Right.SEE_REQUESTS),
            ("Apps", "admin.apps.index", Right.SEE_APPS),
            ("Access", "admin.grants.index", Right.SEE_APPS),
            ("Access use", "admin.usage.index", Right.SEE_APPS),
            ("Users", "admin.users.index", Right.SEE_USERS),
            ("Organisations", "admin.organisations.index", Right.SEE_USERS),
        ],
    ),
    (
        "Catalogue",
        [
            ("Products", "admin.products.index", Right.SEE_CATALOGUE),
            ("Plans", "admin.plans.index", Right.SEE_CATALOGUE),
            ("Catalogues", "admin.catalogues.index", Right.SEE_CATALOGUE),
            ("Request forms", "admin.forms.index", Right.SEE_CATALOGUE),
        ],
    ),
    (
        "Approvals",
        [
            ("Policies", "admin.policies.index", Right.SEE_POLICIES),
            ("Review stages", "admin.stages.index", Right.SEE_POLICIES),
            ("Reviewer groups", "admin.groups.index", Right.SEE_USERS),
            ("Calendars", "admin.calendars.index", Right.SEE_POLICIES),
            ("Break-glass", "admin.break_glass.index", Right.SEE_POLICIES),
        ],
    ),
    (
        "Messages",
        [
            ("Emails", "admin.emails.index", Right.SEE_MESSAGES),
            ("Outbox", "admin.outbox.index", Right.SEE_MESSAGES),
        ],
    ),
    (
        "Record",
        [
            ("Audit", "admin.audit.index", Right.SEE_AUDIT),
            ("Leaked secrets", "admin.leaks.index", Right.SEE_LEAKS),
        ],
    ),
]


def menu(person: User) -> list[dict[str, Any]]:
    """The groups and entries that this person may open, the present one marked; empty without admin rights."""
    if not person.may(Right.USE_ADMIN):
        return []
    groups = []
    for label, entries in MENU:
        shown = [
            _entry(name, endpoint, person)
            for name, endpoint, right in entries
            if person.may(right) and (endpoint != CHANGES or _seconds_changes(person))
        ]
        if shown:
            groups.append({"label": label, "entries": shown})
    return groups


def _seconds_changes(person: User) -> bool:
    """Whether changes wait for second persons here, and this person has to do with them."""
    return four_eyes() and proposals.may_see_changes(person)


def _entry(label: str, endpoint: str, person: User) -> dict[str, Any]:
    url = url_for(endpoint)
    counted = endpoint == "admin.access_requests.index" and person.may(Right.DECIDE_REQUESTS)
    return {
        "label": label,
        "url": url,
        "current": f"{request.path}/".startswith(f"{url}/"),
        "count": access.count_waiting_for(person) if counted else None,
    }
