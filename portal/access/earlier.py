"""Answers of earlier requests that may be used again for the same app, and since when an answer stands (C61).

Only questions whose form says so (``again``). An answer keeps the day on which it was given, however often it is used
again; after a year it has to be given anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from portal import forms
from portal.access.models import AccessRequest
from portal.access.queries import answered_requests_of
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.db import now

GOOD_FOR = timedelta(days=365)

Origins = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Earlier:
    """An answer that was given before: on which day, and for which request."""

    value: Any
    day: date
    number: str

    @property
    def is_good(self) -> bool:
        """Whether it is young enough to be used again."""
        return _today() - self.day <= GOOD_FOR

    @property
    def origin(self) -> dict[str, str]:
        """What a request that uses it again keeps of it."""
        return {"on": self.day.isoformat(), "in": self.number}


def earlier_answers(app: DeveloperApp | None, asked: forms.Ask, *, by: User) -> dict[str, Earlier]:
    """The newest answer to each question that may be answered so again, among the requests that this person may see.

    It was given to the same question of the same form, in whatever version, and is a good answer to it now. Those that
    are too old are among them: ``is_good``.
    """
    fields = [field for field in asked.own_fields if field.again]
    if app is None or not fields:
        return {}
    earlier = answered_requests_of(app, seen_by=by)
    versions = {form.id: form for form in forms.forms_by_id(key for request in earlier for key in request.form_ids)}
    now_in, found = _forms_by_question(asked.forms), dict[str, Earlier]()
    for request in earlier:
        then_in = _forms_by_question(versions[key] for key in request.form_ids if key in versions)
        for field in fields:
            if field.key in request.answers and now_in[field.key] & then_in[field.key]:
                given = _given(request, field.key)
                if field.key not in found or found[field.key].day < given.day:
                    found[field.key] = given
    return {f.key: found[f.key] for f in fields if f.key in found and _still_fits(f, found[f.key].value)}


def good_answers(app: DeveloperApp | None, asked: forms.Ask, *, by: User) -> dict[str, Earlier]:
    """Those of them that are young enough to be used again."""
    return {key: each for key, each in earlier_answers(app, asked, by=by).items() if each.is_good}


def answers_now(answers: Mapping[str, Any], earlier: Mapping[str, Earlier], asked: forms.Ask) -> dict[str, Any]:
    """What was answered once, as far as it can be taken over today: of what ages only what is still good."""
    ageing = {field.key for field in asked.own_fields if field.again}
    kept = {key: value for key, value in answers.items() if key not in ageing}
    return kept | {key: each.value for key, each in earlier.items()}


def origins_of(answers: Mapping[str, Any], earlier: Mapping[str, Earlier], asked: forms.Ask) -> Origins:
    """Since when the answers of a new request stand: what is unchanged since it was given before keeps its day."""
    return {
        field.key: earlier[field.key].origin
        if field.key in earlier and forms.same_answer(field, answers[field.key], earlier[field.key].value)
        else {"on": _today().isoformat()}
        for field in asked.own_fields
        if field.again and field.key in answers
    }


def origins_after(request: AccessRequest, answers: Mapping[str, Any], asked: forms.Ask) -> Origins:
    """Since when the answers of a request stand once it has these: what the requester has changed is of today."""
    today = {"on": _today().isoformat()}
    return {
        field.key: _origin(request, field.key) if request.answers.get(field.key) == answers[field.key] else today
        for field in asked.own_fields
        if field.again and field.key in answers
    }


def _given(request: AccessRequest, key: str) -> Earlier:
    origin = _origin(request, key)
    return Earlier(request.answers[key], date.fromisoformat(origin["on"]), origin.get("in", request.number))


def _origin(request: AccessRequest, key: str) -> dict[str, str]:
    """Since when an answer of a request stands; one of a time when nobody kept that is as old as its request."""
    return request.answer_origins.get(key) or {"on": request.submitted_at.date().isoformat()}


def _forms_by_question(versions: Iterable[forms.FormDefinition]) -> dict[str, set[str]]:
    """Which forms ask each question, by keys; what was asked under another key beside another form is none of them."""
    found: dict[str, set[str]] = defaultdict(set)
    for version in versions:
        for field in version.fields:
            found[field["key"]].add(version.key)
    return found


def _still_fits(field: forms.Field, value: Any) -> bool:
    return bool(forms.read_answer(field, value) == value)


def _today() -> date:
    return now().date()
