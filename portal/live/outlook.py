"""What a cart would come to if it were submitted, in words: who decides, why and by when; and what it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from portal import access
from portal.access import AccessRequest, CartItem, Likeness, Outlook, RequestStatus, Waiting
from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import Environment
from portal.policies import StageSpec, joined


@dataclass(frozen=True)
class Foreseen:
    """What one request of the cart would come to."""

    catalogue: str
    outlook: Outlook
    steps: tuple[dict[str, str], ...]
    waiting: str


def foresee(
    items: Sequence[CartItem],
    *,
    by: User,
    app: DeveloperApp | None,
    environment: str,
    form_ids: Sequence[int],
    answers: Mapping[str, Any],
) -> list[Foreseen]:
    """One for each request that would come of this cart; none while its products are on different plans."""
    if not environment or len({item.plan_id for item in items}) != 1:
        return []
    found = access.outlook(
        items, by=by, app=app, environment=Environment(environment), form_ids=form_ids, answers=answers
    )
    names = [group[0].catalogue.name for group in access.groups(items)]
    return [in_words(name, each) for name, each in zip(names, found, strict=True)]


def in_words(catalogue: str, found: Outlook) -> Foreseen:
    """One outlook as pages show it."""
    return Foreseen(catalogue, found, _steps(found.steps), waiting_in_words(found.waiting))


def what_became_of(made: Sequence[AccessRequest]) -> str:
    """What became of the requests, for the message on the next page."""
    by_outcome: dict[str, list[str]] = {}
    for each in made:
        by_outcome.setdefault(_outcome(each), []).append(each.number)
    return " ".join(_sentence(numbers, outcome) for outcome, numbers in by_outcome.items())


def _steps(steps: Sequence[Sequence[StageSpec]]) -> tuple[dict[str, str], ...]:
    """Each step with the stages that are open side by side there, and why: a rule stands with each that it asks for."""
    return tuple(
        {
            "label": joined(list(dict.fromkeys(stage.name for stage in step)), "and"),
            "detail": " ".join(dict.fromkeys(because for stage in step for because in stage.becauses)),
            "state": "plain",
        }
        for step in steps
    )


def waiting_in_words(waiting: Waiting | None) -> str:
    """How long it takes, and of which requests that is known."""
    if waiting is None:
        return ""
    half, most, place = _span(waiting.median), _span(waiting.p90), waiting.environment.label.lower()
    if waiting.underway:
        like = "the same stages" if waiting.like is Likeness.STAGES else "the stages still ahead"
        looked_at = f"(the last {waiting.of} on this plan in {place} with {like})"
        if half == most:
            return f"From this stage on it usually takes up to {half} {looked_at}."
        return f"From this stage on, half of such requests take up to {half}, nine in ten up to {most} {looked_at}."
    whose, of = {
        Likeness.STAGES: ("such requests", f" on this plan in {place} with the same stages"),
        Likeness.ENVIRONMENT: (f"the requests on this plan in {place}", ", whatever stages they had"),
        Likeness.PLAN: ("the requests on this plan", f", few of them in {place}"),
        Likeness.NOTHING: ("all requests here", ", few of them on this plan"),
    }[waiting.like]
    looked_at = f"(the last {waiting.of}{of})"
    if half == most:
        return f"{whose[0].upper()}{whose[1:]} are usually decided within {half} {looked_at}."
    return f"Half of {whose} are decided within {half}, nine in ten within {most} {looked_at}."


def _span(time: timedelta) -> str:
    """A time rounded up to what one would say: "20 minutes", "5 hours", "3 days"."""
    minutes = max(1, -(-int(time.total_seconds()) // 60))
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes > size or size == 1:
            number = -(-minutes // size)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return ""


def _sentence(numbers: Sequence[str], outcome: str) -> str:
    if len(numbers) == 1:
        return f"Your request {numbers[0]} has been submitted{outcome}."
    outcome = outcome.replace(" and awaits ", " and await ", 1).replace("its page says", "their pages say", 1)
    return f"Your requests {joined(numbers, 'and')} have been submitted{outcome}."


def _outcome(made: AccessRequest) -> str:
    if made.status is RequestStatus.DENIED:
        return " and denied by policy: its page says why"
    if not made.is_pending:
        return f" and {made.status} at once: you find the credential in the app {made.app.name}"
    names = [access.awaited_by_name(stage) for stage in made.open_stages]
    return f" and awaits {joined(names, 'and')}" if any(names) else ""
