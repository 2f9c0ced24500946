"""What each role may do. A page or action asks for a right, never for a role."""

from enum import StrEnum


class RoleName(StrEnum):
    """The kinds of people."""

    CONSUMER = "consumer"
    API_OWNER = "api_owner"
    PLAN_MANAGER = "plan_manager"
    SECURITY_REVIEWER = "security_reviewer"
    REVIEWER = "reviewer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"

    @property
    def label(self) -> str:
        """The role's name as people read it."""
        return {"api_owner": "API owner"}.get(self.value, self.value.replace("_", " ").capitalize())


class Right(StrEnum):
    """One thing that a person may be allowed to do."""

    REQUEST_ACCESS = "request access for own apps"
    USE_ADMIN = "open the Admin Portal"
    SEE_REQUESTS = "see access requests"
    SEE_ALL_REQUESTS = "see every access request"
    DECIDE_REQUESTS = "decide access requests when it is one’s turn"
    SEE_APPS = "see developer apps"
    REVOKE_ACCESS = "revoke access and credentials"
    SEE_LEAKS = "see reports of leaked secrets"
    SEE_CATALOGUE = "see products, plans and catalogues, drafts included"
    EDIT_PRODUCTS = "create and edit products and catalogues"
    EDIT_PLANS = "create and edit plans"
    SET_AUTO_APPROVE = "let a plan approve by itself"
    SET_NO_END = "let access on a plan go on without an end"
    SEE_USERS = "see people"
    EDIT_USERS = "change roles, groups and organisations, deactivate people"
    SEE_POLICIES = "see approval policies and review stages"
    EDIT_POLICIES = "draft and activate approval policies, edit review stages"
    SEE_MESSAGES = "see mail templates and the outbox"
    EDIT_MESSAGES = "edit mail templates, send dead messages again"
    SEE_AUDIT = "read and export the audit record"


_SEE_EVERYTHING = {
    Right.USE_ADMIN,
    Right.SEE_REQUESTS,
    Right.SEE_ALL_REQUESTS,
    Right.SEE_APPS,
    Right.SEE_LEAKS,
    Right.SEE_CATALOGUE,
    Right.SEE_USERS,
    Right.SEE_MESSAGES,
    Right.SEE_POLICIES,
    Right.SEE_AUDIT,
}
_REVIEW = frozenset({Right.USE_ADMIN, Right.SEE_REQUESTS, Right.DECIDE_REQUESTS})

ROLE_RIGHTS: dict[RoleName, frozenset[Right]] = {
    RoleName.CONSUMER: frozenset({Right.REQUEST_ACCESS}),
    RoleName.API_OWNER: frozenset(
        {
            Right.USE_ADMIN,
            Right.SEE_REQUESTS,
            Right.DECIDE_REQUESTS,
            Right.SEE_APPS,
            Right.SEE_LEAKS,
            Right.REVOKE_ACCESS,
            Right.SEE_CATALOGUE,
            Right.EDIT_PRODUCTS,
            Right.EDIT_PLANS,
            Right.SEE_POLICIES,
        }
    ),
    RoleName.PLAN_MANAGER: frozenset(
        {Right.USE_ADMIN, Right.SEE_CATALOGUE, Right.EDIT_PLANS, Right.SET_AUTO_APPROVE, Right.SET_NO_END}
    ),
    RoleName.SECURITY_REVIEWER: _REVIEW | {Right.SEE_LEAKS},
    RoleName.REVIEWER: _REVIEW,
    RoleName.AUDITOR: frozenset(_SEE_EVERYTHING),
    RoleName.ADMINISTRATOR: frozenset(
        _SEE_EVERYTHING
        | {
            Right.DECIDE_REQUESTS,
            Right.REVOKE_ACCESS,
            Right.EDIT_PRODUCTS,
            Right.EDIT_PLANS,
            Right.SET_AUTO_APPROVE,
            Right.SET_NO_END,
            Right.EDIT_USERS,
            Right.EDIT_POLICIES,
            Right.EDIT_MESSAGES,
        }
    ),
}
