"""What a view says about who may open it, and the record of those who tried to decide what is not theirs (C27)."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, current_app, request
from flask_login import current_user

from portal.accounts import Right, refuse_decision
from portal.db import transaction
from portal.web.person import current_person

log = structlog.get_logger(__name__)
GUARD = "portico_guard"


def guard_of(app: Flask, endpoint: str) -> Any:
    """What a view says about who may open it: a right, or one of the two words; None when it says nothing."""
    return getattr(app.view_functions[endpoint], GUARD, None)


def record_refusal() -> None:
    """Put into the record that somebody tried to decide what is not theirs: before a 403, outside of transactions.

    What the record leaves out, since it has the same already, is in the log.
    """
    deciding = request.endpoint is not None and guard_of(current_app, request.endpoint) is Right.DECIDE_REQUESTS
    if deciding and request.method == "POST" and current_user.is_authenticated:
        with transaction():
            person = current_person()
            recorded = refuse_decision(person, address=request.path)
        if not recorded:
            log.warning("decision_refused_again", person=person.id, address=request.path)
