"""Answers of earlier requests of an app, filled in beforehand on the pages that ask for access (C61).

A page brings back which of them stand on it, and of which app. So what somebody typed, which always stays, can be told
from what was filled in, which changes with the app, and is taken away when it has become too old since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from portal import access, apps, forms
from portal.access import CartRejected, Category, Problem
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.forms import Ask
from portal.live.asking import Given
from portal.web import key_of

LOOK_AGAIN = (
    "What was filled in from earlier requests is of another app, or has become too old. Look at the request form "
    "again; what you typed is still there."
)


@dataclass(frozen=True)
class Shown:
    """Of which app earlier answers stand on a page, and to which questions."""

    app_id: int | None = None
    keys: frozenset[str] = frozenset()

    @classmethod
    def read(cls, text: str) -> Shown:
        """What the hidden field of a page says."""
        app, _, keys = text.partition(":")
        return cls(key_of(app), frozenset(keys.split(",")))

    def __str__(self) -> str:
        return f"{self.app_id or ''}:{','.join(sorted(self.keys))}"


def fill_in(given: Given, asked: Ask, app: DeveloperApp | None, shown: Shown, *, by: User) -> bool:
    """Put earlier answers of this app where nobody has typed; says whether the form reads differently now.

    What was cleared stays empty while the app stays the same.
    """
    same_app = app is not None and app.id == shown.app_id
    before = access.earlier_answers(app if same_app else _own_app(shown.app_id, by), asked, by=by)
    offered = before if same_app else access.earlier_answers(app, asked, by=by)
    given.earlier = {key: each for key, each in offered.items() if each.is_good}
    changed = False
    for field in asked.own_fields:
        old, was_shown = given.raw.get(field.key), field.key in shown.keys
        left = was_shown and field.key in before and forms.same_answer(field, old, before[field.key].value)
        if field.again and (left or (_is_blank(old) and not (was_shown and same_app))):
            new = given.earlier[field.key].value if field.key in given.earlier else ""
            changed |= not (_is_blank(old) and _is_blank(new)) and not forms.same_answer(field, old, new)
            given.raw[field.key] = new
    return changed


def refusal() -> CartRejected:
    """Why what was sent is shown once more before it is asked for."""
    return CartRejected([Problem(Category.FORM, LOOK_AGAIN)])


def mark_of(given: Given, app: DeveloperApp | None) -> str:
    """What the page has to bring back."""
    return str(Shown(app.id if app is not None else None, frozenset(given.earlier)))


def _own_app(app_id: int | None, person: User) -> DeveloperApp | None:
    return next((app for app in apps.apps_of(person) if app.id == app_id), None) if app_id else None


def _is_blank(value: Any) -> bool:
    return not any(value.values()) if isinstance(value, dict) else value in (None, "")
