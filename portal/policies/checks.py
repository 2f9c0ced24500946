"""What is looked at when a policy is saved: mistakes that stop it, and doubts that its author should know of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from portal.policies.attributes import NOT_ASKED, REGISTRY, Registry
from portal.policies.conditions import ALWAYS, Broken, Leaf, Node, Not, Truth
from portal.policies.operators import NEGATIVE
from portal.policies.rules import Outcome, Policy, Rule
from portal.policies.stages import SHIPPED_STAGES, QuorumMode, StageTemplate
from portal.policies.worlds import TooMany, worlds

MOST_TRIALS = 1_000_000
STRENGTH = {Outcome.AUTO: 0, Outcome.STAGES: 1, Outcome.DENY: 2}


class Severity(StrEnum):
    """Whether a finding stops the policy from being activated."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was found in a policy: how grave, in which rule (its key, or nothing), and what, in a sentence."""

    severity: Severity
    rule: str
    message: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a policy is checked against: the stages there are, who can staff them, and the values there are.

    ``can_staff`` says whether anybody at all could answer a stage now. ``known`` are the values of attributes that
    the registry cannot know, such as the products' short names. ``above`` is the global policy when the rules are a
    product's own, which can only add.
    """

    templates: Mapping[str, StageTemplate] | None = None
    can_staff: Callable[[str], bool] | None = None
    known: Mapping[str, Collection[str]] | None = None
    above: Policy | None = None
    registry: Registry = REGISTRY


def check(policy: Policy, around: Surroundings | None = None) -> list[Finding]:
    """Everything that is wrong with a policy, or might be; the mistakes first."""
    around = around or Surroundings()
    found = [
        *_faults(policy),
        *_keys(policy),
        *_stages(policy, around),
        *_truths(policy, around),
        *_careless(policy, around),
        *_strangers(policy, around),
        *_shadowed(policy, around),
    ]
    return sorted(found, key=lambda finding: finding.severity is Severity.WARNING)


def is_sound(findings: Collection[Finding]) -> bool:
    """Whether nothing among the findings stops the policy."""
    return not any(finding.severity is Severity.ERROR for finding in findings)


def _error(rule: str, message: str, path: str = "") -> Finding:
    return Finding(Severity.ERROR, rule, message, path)


def _doubt(rule: str, message: str) -> Finding:
    return Finding(Severity.WARNING, rule, message)


def _faults(policy: Policy) -> Iterator[Finding]:
    for fault in policy.faults:
        number = fault.path.removeprefix("rules[").partition("]")[0]
        rule = policy.rules[int(number)].key if fault.path.startswith("rules[") else ""
        yield _error(rule, str(fault), fault.path)


def _keys(policy: Policy) -> Iterator[Finding]:
    for key, times in Counter(rule.key for rule in policy.rules).items():
        if times > 1:
            yield _error(key, f"{times} rules have the key '{key}'; each needs one of its own.")


def _stages(policy: Policy, around: Surroundings) -> Iterator[Finding]:
    templates = SHIPPED_STAGES if around.templates is None else around.templates
    for rule in policy.rules:
        for key in rule.stages:
            if key not in templates:
                yield _error(rule.key, f"There is no stage '{key}'.")
            elif around.can_staff is not None and not around.can_staff(key):
                yield _error(rule.key, _unanswerable(templates[key]))
    for key in (key for step in policy.order for key in step):
        if key not in templates:
            yield _error("", f"The order names a stage '{key}' that there is not.")


def _unanswerable(template: StageTemplate) -> str:
    by_source = template.quorum.mode is QuorumMode.PER_GROUP and len(template.sources) > 1
    if by_source:
        return f"{template.name} needs somebody of each source, and one of them has no active person."
    return f"Nobody can answer the stage {template.name}: no source of it has an active person."


# --- conditions that say nothing -------------------------------------------------------------------------------------


def _truths(policy: Policy, around: Surroundings) -> Iterator[Finding]:
    for rule in _whole(policy):
        if rule.when == ALWAYS:
            if rule.outcome is Outcome.DENY:
                yield _doubt(rule.key, "This rule denies every request.")
            continue
        try:
            answers = {rule.when.truth(world, []) for world in worlds(rule.leaves, registry=around.registry)}
        except TooMany:
            yield _doubt(rule.key, "This condition compares too much at once to be checked; consider several rules.")
            continue
        if True not in answers:
            yield _error(rule.key, "This condition contradicts itself: it can never be true.")
        elif False not in answers:
            yield _doubt(rule.key, "This condition is always true, whatever is asked for; is that meant?")


def _careless(policy: Policy, around: Surroundings) -> Iterator[Finding]:
    """Approving by itself on account of a question that the form does not ask."""
    for rule in policy.rules:
        if rule.outcome is not Outcome.AUTO:
            continue
        if around.above is not None:
            yield _error(rule.key, "A product’s own rules can add stages or deny; they cannot approve by themselves.")
        for name in sorted(_denied(rule.when, negated=False, around=around)):
            attribute = around.registry[name]
            yield _doubt(
                rule.key,
                f"This also approves when the form does not ask for '{attribute.title}' at all; "
                f"better name the values that are harmless, and '{NOT_ASKED}' only if that is meant.",
            )


def _denied(node: Node, *, negated: bool, around: Surroundings) -> Iterator[str]:
    """The attributes of the form of which a condition asks what they are not."""
    match node:
        case Leaf(attribute=name, operator=operator):
            if around.registry[name].may_be_unasked and (operator in NEGATIVE) is not negated:
                yield name
        case Broken():
            return
        case Not(part):
            yield from _denied(part, negated=not negated, around=around)
        case _:
            for part in node.parts:
                yield from _denied(part, negated=negated, around=around)


def _strangers(policy: Policy, around: Surroundings) -> Iterator[Finding]:
    known = around.known or {}
    for rule in policy.rules:
        for leaf in rule.leaves:
            if isinstance(leaf, Leaf) and leaf.attribute in known and leaf.wanted is not None:
                wanted = leaf.wanted if isinstance(leaf.wanted, tuple) else (leaf.wanted,)
                there = {value.casefold() for value in known[leaf.attribute]}
                for value in (value for value in wanted if str(value).casefold() not in there):
                    title = around.registry[leaf.attribute].title
                    yield _doubt(rule.key, f"{title}: there is no '{value}' at present.")


# --- rules that add nothing ------------------------------------------------------------------------------------------


def _shadowed(policy: Policy, around: Surroundings) -> Iterator[Finding]:
    """Rules that never add anything, because another one that is as strong counts whenever they do."""
    trials = [MOST_TRIALS]
    own = list(_whole(policy))
    others = list(_whole(around.above)) if around.above else []
    for place, rule in enumerate(own):
        for other in (*others, *own[:place], *own[place + 1 :]):
            try:
                covered = _covers(other, rule, around.registry, trials)
                # Of two rules that cover each other, the later one is told of.
                if covered and other in own[place:] and _covers(rule, other, around.registry, trials):
                    continue
            except TooMany:
                if trials[0] <= 0:
                    yield _doubt("", "There are too many rules to look for all that add nothing.")
                    return
                continue
            if covered:
                whose = "the global rule" if other in others else "the rule"
                yield _doubt(
                    rule.key, f"This adds nothing: {whose} '{other.key}' does as much whenever this one counts."
                )
                break


def _whole(policy: Policy) -> Iterator[Rule]:
    """The rules that could be read."""
    return (rule for rule in policy.rules if not any(isinstance(leaf, Broken) for leaf in rule.leaves))


def _covers(strong: Rule, weak: Rule, registry: Registry, trials: list[int]) -> bool:
    """Whether a rule counts whenever the other does, and does at least as much. Raises TooMany if it cannot be told."""
    if not _is_as_strong(strong, weak):
        return False
    if strong.when != ALWAYS and not strong.reads & weak.reads:
        return False
    for world in worlds((*strong.leaves, *weak.leaves), unknown=True, registry=registry):
        trials[0] -= 1
        if trials[0] <= 0:
            raise TooMany
        if weak.matches(_truth(weak, world)) and not strong.matches(_truth(strong, world)):
            return False
    return True


def _is_as_strong(strong: Rule, weak: Rule) -> bool:
    if strong.outcome is Outcome.STAGES and weak.outcome is Outcome.STAGES:
        return set(strong.stages) >= set(weak.stages)
    if strong.outcome is Outcome.AUTO or weak.outcome is Outcome.AUTO:
        return strong.outcome in (weak.outcome, Outcome.DENY)
    return STRENGTH[strong.outcome] > STRENGTH[weak.outcome] or strong.outcome is weak.outcome is Outcome.DENY


def _truth(rule: Rule, world: Mapping[str, object]) -> Truth:
    return rule.when.truth(world, [])
