"""Stage templates: what a review stage is by itself, whichever rule asks for it.

The shipped ones are here; an installation changes them or makes its own. ``on_timeout`` has no word for approval, on
purpose: time passing never opens access (I10).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeGuard

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
Sources = tuple[Mapping[str, str], ...]
MOST_HOURS, LONGEST_NOTICE = 4_000, 2_000
FORMER = frozenset({"denials"})  # stored stages may have it: one rejection ends a request, whatever it said
SOURCE_NEEDS = {"owners": None, "sponsor": None, "group": "key", "role": "role", "person": "email"}


class TemplateKind(StrEnum):
    """Whether the stage is answered with yes or no, or is work to be done."""

    APPROVAL = "approval"
    TASK = "task"


class QuorumMode(StrEnum):
    """How the people of a stage are counted."""

    TOTAL = "total"
    PER_GROUP = "per_group"
    ALL = "all"


class OnTimeout(StrEnum):
    """What becomes of a request that nobody answers."""

    EXPIRE = "expire"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many distinct people must approve: so many in total, so many of each source, or all who are asked."""

    n: int = 1
    mode: QuorumMode = QuorumMode.TOTAL


@dataclass(frozen=True, slots=True)
class Times:
    """When a stage is due and what happens after, in working hours of its calendar.

    ``due_hours`` may differ by environment; ``due_in`` holds those that do. ``answer_hours`` is how long the requester
    may take to answer a question, ``calendar`` the key of a business calendar.
    """

    due_hours: int = 40
    due_in: Mapping[str, int] = field(default_factory=dict)
    remind_hours: int = 16
    escalate_hours: int = 32
    expire_hours: int = 112
    answer_hours: int = 80
    calendar: str = "default"

    @classmethod
    def of(cls, stage: Mapping[str, Any]) -> Times:
        """The times of a stage as a request keeps it; what is open there, or not known any more, is as is usual."""
        given, known = stage.get("times") or {}, {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in given.items() if name in known and value is not None})

    def due(self, environment: str) -> int:
        """The working hours within which the stage should be answered there."""
        return self.due_in.get(environment, self.due_hours)

    def problems(self) -> list[str]:
        """What is wrong with the times, in sentences."""
        found = []
        if not 0 < self.remind_hours <= self.escalate_hours <= self.expire_hours:
            found.append("Reminder, escalation and expiry must follow each other.")
        if not all(0 < hours <= self.expire_hours for hours in (self.due_hours, *self.due_in.values())):
            found.append("The stage must be due before it expires.")
        if max(self.expire_hours, self.answer_hours) > MOST_HOURS or self.answer_hours < 1:
            found.append(f"Times are between 1 and {MOST_HOURS:,} working hours.")
        if not KEY.fullmatch(self.calendar):
            found.append("The calendar must be named by its key.")
        return found


@dataclass(frozen=True, slots=True)
class StageTemplate:
    """How a stage is called, who is asked, how many must answer, and what they need for it.

    ``sources`` says who is asked, in JSON: ``{"kind": "owners"}``, ``{"kind": "sponsor"}``, ``{"kind": "group", "key":
    "legal"}``, ``{"kind": "role", "role": "security_reviewer"}``, ``{"kind": "person", "email": …}``; ``fallback`` is
    asked when none of them can answer, ``escalation`` when they are late. ``notice`` stands in the mail that asks them,
    with that mail's placeholders.
    """

    key: str
    name: str
    sources: Sources
    position: int = 2
    kind: TemplateKind = TemplateKind.APPROVAL
    description: str = ""
    notice: str = ""
    quorum: Quorum = Quorum()
    fallback: Sources = ()
    escalation: Sources = ()
    times: Times = field(default_factory=Times)
    on_timeout: OnTimeout = OnTimeout.EXPIRE
    step_up: bool = False
    reason_required: bool = False
    delegation_allowed: bool = True
    may_be_added: bool = True
    required_fields: tuple[str, ...] = ()
    checklist: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The template as plain values, to be stored or copied into a request."""
        values = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> StageTemplate:
        """The template of plain values. Raises ValueError with a sentence when it cannot be."""
        if not isinstance(raw, Mapping):
            raise ValueError("The stage cannot be read: it is no object.")
        known = {f.name for f in fields(cls)}
        if unknown := raw.keys() - known - FORMER:
            raise ValueError(f"A stage has no '{min(map(str, unknown))}'.")
        try:
            values = {name: value for name, value in raw.items() if name in known}
            for name, make in _MAKERS.items():
                if name in values:
                    values[name] = make(values[name])
            template = cls(**values)
            problems = template.problems()
        except (TypeError, ValueError, AttributeError, RecursionError) as problem:
            raise ValueError(f"The stage cannot be read: {str(problem)[:200]}.") from None
        if problems:
            raise ValueError(" ".join(problems))
        return template

    def problems(self) -> list[str]:
        """What is wrong with the template, in sentences."""
        found = []
        if not KEY.fullmatch(self.key):
            found.append("The key must be a short name of small letters, digits, - and _.")
        if not self.name.strip():
            found.append("The stage needs a name.")
        if not 1 <= self.position <= 20:
            found.append("The position must be between 1 and 20.")
        if not 1 <= self.quorum.n <= 20:
            found.append("The number of approvals that are needed must be between 1 and 20.")
        if len(self.notice) > LONGEST_NOTICE:
            found.append(f"The text for its mail can have at most {LONGEST_NOTICE:,} characters.")
        if not self.sources:
            found.append("The stage must name at least one source of people.")
        found += [p for source in (*self.sources, *self.fallback, *self.escalation) if (p := _problem_of(source))]
        if self.kind is TemplateKind.TASK and not self.checklist:
            found.append("A task needs a checklist.")
        found += self.times.problems()
        return found


def _problem_of(source: Mapping[str, str]) -> str:
    kind = source.get("kind", "")
    if kind not in SOURCE_NEEDS:
        return f"A stage is staffed by {', '.join(SOURCE_NEEDS)}, not by '{kind}'."
    needed = SOURCE_NEEDS[kind]
    if needed and not source.get(needed):
        return f"A source of the kind '{kind}' needs '{needed}'."
    return ""


_MAKERS: dict[str, Callable[[Any], Any]] = {
    "kind": TemplateKind,
    "on_timeout": OnTimeout,
    "quorum": lambda raw: Quorum(int(raw.get("n", 1)), QuorumMode(raw.get("mode", "total"))),
    "times": lambda raw: Times(**raw),
    **dict.fromkeys(("sources", "fallback", "escalation"), lambda raw: tuple(dict(source) for source in raw)),
    **dict.fromkeys(("required_fields", "checklist"), lambda raw: tuple(map(str, raw))),
}


def _group(key: str) -> Sources:
    return ({"kind": "group", "key": key},)


def _role(role: str) -> Sources:
    return ({"kind": "role", "role": role},)


def _stage(key: str, name: str, sources: Sources, position: int, description: str, **more: Any) -> StageTemplate:
    """A stage that falls back on the administrators, and tells them when it is late."""
    administrators = _role("administrator")
    more = {"fallback": administrators, "escalation": administrators, **more}
    return StageTemplate(key, name, sources, position, description=description, **more)


_DELIVERED = (
    "Access is configured at the gateway",
    "Network rules and allowed addresses are set",
    "Quota and rate limit match the approved terms",
    "The requester knows whom to ask for help",
)
_STAGES = (
    _stage("owner", "Owner", ({"kind": "owners"},), 1, "Need and level of access.", fallback=_role("api_owner")),
    _stage("manager", "Project manager", _group("project-managers"), 1, "Whether the project needs this access."),
    _stage(
        *("security", "Security", _role("security_reviewer"), 2),
        description="How secrets are kept, and what could be exposed.",
        times=Times(due_hours=24, due_in={"prod": 16}),
    ),
    _stage("compliance", "Compliance", _group("compliance"), 2, "Classification, legal basis and regions."),
    _stage(
        *("legal", "Legal", _group("legal"), 2),
        description="The terms under which an outside party gets access.",
        times=Times(due_hours=56, escalate_hours=64),
    ),
    _stage("architect", "Architect", _group("architects"), 2, "Whether this is the right API for the purpose."),
    _stage("sponsor", "Sponsor", ({"kind": "sponsor"},), 2, "The relationship to the outside organisation."),
    _stage(
        *("it_delivery", "IT delivery", _group("it-delivery"), 3),
        description="Set up what was approved.",
        kind=TemplateKind.TASK,
        checklist=_DELIVERED,
    ),
)
SHIPPED_STAGES: dict[str, StageTemplate] = {stage.key: stage for stage in _STAGES}


def stand_in_for(key: str, broken: object) -> StageTemplate:
    """What is asked in place of a stage that is stored and cannot be read: stricter than any reading of it.

    Administrators answer, with their password and a reason, and as many as either text of the stage wanted.
    """
    shipped = SHIPPED_STAGES.get(key)
    raw = broken if isinstance(broken, Mapping) else {}
    name, quorum = raw.get("name"), raw.get("quorum")
    wanted = quorum.get("n") if isinstance(quorum, Mapping) else 1
    position = raw.get("position")
    return StageTemplate(
        key=key,
        name=name.strip()[:120] if isinstance(name, str) and name.strip() else shipped.name if shipped else key,
        sources=_role("administrator"),
        position=position if _is_between(position, 1, 20) else shipped.position if shipped else 1,
        description="What is stored of this stage cannot be read. An administrator has to save it anew.",
        quorum=Quorum(max(wanted if _is_between(wanted, 1, 20) else 1, shipped.quorum.n if shipped else 1)),
        step_up=True,
        reason_required=True,
        delegation_allowed=False,
        may_be_added=False,
    )


def _is_between(number: object, least: int, most: int) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool) and least <= number <= most
