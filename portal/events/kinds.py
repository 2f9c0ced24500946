"""The names of everything that Portico records. The audit page, exports and mail templates use the same words."""

from enum import StrEnum


class EventKind(StrEnum):
    """What happened: the thing, then what befell it."""

    SIGNED_IN = "person.signed_in"
    SIGN_IN_FAILED = "person.sign_in_failed"
    SIGNED_OUT = "person.signed_out"
    REGISTERED = "person.registered"
    EMAIL_CONFIRMED = "person.email_confirmed"
    PASSWORD_RESET_ASKED = "person.password_reset_asked"
    PASSWORD_CHANGED = "person.password_changed"
    ROLES_CHANGED = "person.roles_changed"
    PERSON_CHANGED = "person.changed"
    DEACTIVATED = "person.deactivated"
    REACTIVATED = "person.reactivated"
    SESSIONS_ENDED = "person.sessions_ended"
    SECURITY_MAIL_QUEUED = "person.security_mail_queued"

    PRODUCT_CREATED = "product.created"
    PRODUCT_CHANGED = "product.changed"
    PRODUCT_STATE_CHANGED = "product.state_changed"
    DESCRIPTION_ADDED = "product.description_added"
    PLAN_CREATED = "plan.created"
    PLAN_CHANGED = "plan.changed"
    CATALOGUE_CREATED = "catalogue.created"
    CATALOGUE_CHANGED = "catalogue.changed"
    CATALOGUE_DELETED = "catalogue.deleted"

    APP_CREATED = "app.created"
    APP_CHANGED = "app.changed"
    APP_DELETED = "app.deleted"

    REQUEST_SUBMITTED = "request.submitted"
    STAGE_OPENED = "request.stage_opened"
    STAGE_APPROVED = "request.stage_approved"
    STAGE_REJECTED = "request.stage_rejected"
    REQUEST_APPROVED = "request.approved"
    REQUEST_REJECTED = "request.rejected"
    REQUEST_WITHDRAWN = "request.withdrawn"

    ACCESS_GRANTED = "access.granted"
    ACCESS_REVOKED = "access.revoked"
    CREDENTIAL_ISSUED = "credential.issued"
    CREDENTIAL_REVEALED = "credential.revealed"
    CREDENTIAL_ROTATED = "credential.rotated"
    CREDENTIAL_REVOKED = "credential.revoked"
    TOKEN_REVOKED = "credential.token_revoked"

    MAIL_TEMPLATE_CHANGED = "mail.template_changed"
    MESSAGE_REPLAYED = "mail.replayed"
    EXPORTED = "record.exported"
