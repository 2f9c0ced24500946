"""Who: people, organisations, roles and what they may do, and sessions."""

from portal.accounts.models import Organisation, Role, User, WebSession, user_role
from portal.accounts.people import (
    add_person,
    change_person,
    change_roles,
    deactivate,
    default_organisation,
    end_sessions,
    find_person,
    find_person_by_email,
    organisation_named,
    organisations,
    people_page,
    people_with_role,
    reactivate,
    role_named,
    sessions_of,
)
from portal.accounts.rights import ROLE_RIGHTS, Right, RoleName

__all__ = [
    "ROLE_RIGHTS",
    "Organisation",
    "Right",
    "Role",
    "RoleName",
    "User",
    "WebSession",
    "add_person",
    "change_person",
    "change_roles",
    "deactivate",
    "default_organisation",
    "end_sessions",
    "find_person",
    "find_person_by_email",
    "organisation_named",
    "organisations",
    "people_page",
    "people_with_role",
    "reactivate",
    "role_named",
    "sessions_of",
    "user_role",
]
