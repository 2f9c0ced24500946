"""The Admin Portal: the pages of API owners, reviewers, plan managers, auditors and administrators."""

from flask import Blueprint

from admin import (
    access_requests,
    apps,
    audit,
    break_glass,
    calendars,
    catalogues,
    dashboard,
    decisions,
    delegations,
    emails,
    forms,
    groups,
    my_work,
    organisations,
    outbox,
    plans,
    policies,
    policy_moves,
    policy_trials,
    products,
    request_questions,
    request_stages,
    saved_filters,
    stages,
    usage,
    users,
)
from admin.navigation import menu

bp = Blueprint("admin", __name__, url_prefix="/admin")
for family in (
    dashboard,
    my_work,
    access_requests,
    decisions,
    request_stages,
    request_questions,
    saved_filters,
    delegations,
    apps,
    usage,
    users,
    organisations,
    products,
    plans,
    catalogues,
    forms,
    policies,
    stages,
    groups,
    calendars,
    break_glass,
    emails,
    outbox,
    audit,
):
    bp.register_blueprint(family.bp)

__all__ = ["bp", "menu", "policy_moves", "policy_trials"]
