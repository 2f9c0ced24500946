"""Every way in which Portico says no. The text of an error is read by the person who asked."""

from __future__ import annotations


class PortalError(Exception):
    """A refusal, in one sentence for the person who asked."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class Invalid(PortalError):
    """What was given breaks a rule; nothing has changed (HTTP 422)."""


class NotAllowed(PortalError):
    """This person may not do this (HTTP 403)."""


class Conflict(PortalError):
    """The thing has changed since the person saw it (HTTP 409)."""


class NotFound(PortalError):
    """There is no such thing for this person (HTTP 404)."""
