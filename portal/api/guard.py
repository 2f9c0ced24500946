"""Who calls: a program with the token of a person (RFC 6750), and what it is told when it may not.

These paths take the short road: no cookie is read, so that no browser can be made to act here, and none is set.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response, jsonify, request
from limits import parse

from portal import credentials
from portal.access import CartRejected, Problem
from portal.accounts import Right, User
from portal.db import transaction
from portal.errors import Invalid, NotAllowed, PortalError
from portal.web import note_whereabouts, public
from portal.web.errors import problem, status_of
from portal.web.limits import limits, of_account, of_address

PATH = "/api/"
CALLS_OF_ONE_PERSON = parse("300 per minute")
GUESSES_FROM_ONE_ADDRESS = parse("60 per minute")
View = Callable[..., Response]


def for_people_who(right: Right) -> Callable[[View], View]:
    """A view for programs of people with this right; it gets the person first. Refusals answer as problem+json."""

    def mark(view: View) -> View:
        @public
        @wraps(view)
        def call(**arguments: Any) -> Response:
            person = _caller()
            if person is None:
                return _who_are_you()
            limits().count([of_account(CALLS_OF_ONE_PERSON, "api", person.email)])
            try:
                if not person.may(right):
                    raise NotAllowed("The person whose token this is may not do that.")
                note_whereabouts(person)
                return view(person, **arguments)
            except PortalError as refusal:
                return _refused(refusal)

        return call

    return mark


def _caller() -> User | None:
    """The person whose token was shown. That it was used is noted, once a minute."""
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    token = credentials.find_personal_token(text.strip()) if kind.lower() == "bearer" else None
    if token is None:
        return None
    if credentials.is_use_to_note(token):
        with transaction():
            credentials.note_personal_use(token)
    return token.person


def _who_are_you() -> Response:
    limits().count([of_address(GUESSES_FROM_ONE_ADDRESS, "api")])
    shown = "Authorization" in request.headers
    answer = problem(401, "Show a token of yours: make one on your account page.")
    answer.headers["WWW-Authenticate"] = 'Bearer realm="Portico"' + (', error="invalid_token"' if shown else "")
    return answer


def _refused(refusal: PortalError) -> Response:
    answer = problem(status_of(refusal), refusal.message)
    details: dict[str, Any] = {}
    if isinstance(refusal, CartRejected):
        details["problems"] = [_told(found) for found in refusal.problems]
    elif isinstance(refusal, Invalid) and refusal.field:
        details["field"] = refusal.field
    if details:
        answer.set_data(jsonify({**answer.get_json(), **details}).get_data())
    return answer


def _told(found: Problem) -> dict[str, str]:
    told = {"about": found.category.value, "message": found.message}
    return {**told, "field": found.field} if found.field else told
