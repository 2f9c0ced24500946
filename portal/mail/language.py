"""The language of mail texts: ``{{ placeholder }}`` and ``{% if placeholder %} … {% endif %}``, and nothing else.

Jinja reads the text, so that its words are familiar; what it read is walked and turned into plain steps here. A text
of an administrator is therefore never compiled or run as code: there is no attribute, filter, call or loop to abuse.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup, escape

LONGEST_TEXT = 60_000
MOST_PLACEHOLDERS = 200
DEEPEST = 8
Step = str | tuple[str] | tuple[str, "Steps"]
Steps = tuple[Step, ...]

_reader = SandboxedEnvironment(autoescape=True, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
_NEEDS_CARE = re.compile(r"[^\n\t\x20-\x7e]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
_NEWLINES = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class Fault:
    """What is wrong with a text, and in which line."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.message}"


class BadText(ValueError):
    """A text is not in the language."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults


@lru_cache(maxsize=256)
def read(text: str, allowed: frozenset[str]) -> Steps:
    """The steps that write this text out. Raises BadText with everything that is not in the language."""
    if len(text) > LONGEST_TEXT:
        raise BadText([Fault(1, f"The text is longer than {LONGEST_TEXT:,} characters.")])
    try:
        tree = _reader.parse(text)
    except TemplateSyntaxError as error:
        raise BadText([Fault(error.lineno, _in_words(error))]) from error
    except RecursionError as error:
        raise BadText([Fault(1, "The conditions are nested too deeply.")]) from error
    walk = _Walk(allowed)
    steps = walk.steps(tree.body, 0)
    if walk.count > MOST_PLACEHOLDERS:
        walk.faults.append(Fault(1, f"There are more than {MOST_PLACEHOLDERS} placeholders."))
    if walk.faults:
        raise BadText(walk.faults)
    return steps


def write(steps: Steps, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled; a name without a value is empty. Pass escaped values for HTML."""
    return "".join(_written(steps, values))


def clean(value: str) -> str:
    """A value as it may stand in a mail: one kind of line break, no control characters, its direction kept to itself.

    Characters that turn the direction of what follows are taken out; a right-to-left value is isolated.
    """
    if not _NEEDS_CARE.search(value):
        return value
    value = without_controls(value)
    if any(unicodedata.bidirectional(character) in {"R", "AL"} for character in value):
        return f"\u2068{value}\u2069"
    return value


def without_controls(value: str) -> str:
    """The value with one kind of line break and no control characters, those included that turn the direction."""
    return _CONTROLS.sub("", _NEWLINES.sub("\n", value))


def one_line(value: str) -> str:
    """A value as it may stand in a header: no line break can end the header and begin another."""
    return _SPACES.sub(" ", clean(value)).strip()


def for_html(values: Mapping[str, str]) -> dict[str, str]:
    """The values with everything escaped that HTML would read as markup; what is Markup already stays."""
    return {name: str(escape(value)) for name, value in values.items()}


def _written(steps: Steps, values: Mapping[str, str]) -> Iterable[str]:
    for step in steps:
        if isinstance(step, str):
            yield step
        elif len(step) == 1:
            yield values.get(step[0], "")
        elif values.get(step[0]):
            yield from _written(step[1], values)


class _Walk:
    """One walk through what Jinja read, collecting every fault on the way."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self.allowed = allowed
        self.faults: list[Fault] = []
        self.count = 0

    def steps(self, body: Iterable[nodes.Node], depth: int) -> Steps:
        found: list[Step] = []
        for node in body:
            if isinstance(node, nodes.Output):
                found += [step for part in node.nodes if (step := self._output(part)) is not None]
            elif isinstance(node, nodes.If) and not node.elif_ and not node.else_:
                found += self._condition(node, depth)
            else:
                self._refuse(node, _name_of(node))
        return tuple(found)

    def _output(self, part: nodes.Node) -> Step | None:
        if isinstance(part, nodes.TemplateData):
            return part.data
        return (name,) if (name := self._placeholder(part)) else None

    def _condition(self, node: nodes.If, depth: int) -> list[Step]:
        if depth >= DEEPEST:
            self.faults.append(Fault(node.lineno, "The conditions are nested too deeply."))
            return []
        name, inner = self._placeholder(node.test), self.steps(node.body, depth + 1)
        return [(name, inner)] if name else []

    def _placeholder(self, node: nodes.Node) -> str:
        self.count += 1
        if not isinstance(node, nodes.Name):
            self._refuse(node, _name_of(node))
            return ""
        if node.name not in self.allowed:
            known = ", ".join(sorted(self.allowed))
            self.faults.append(
                Fault(node.lineno, f"There is no placeholder “{node.name[:80]}” here. There are: {known}.")
            )
        return node.name

    def _refuse(self, node: nodes.Node, what: str) -> None:
        message = (
            f"{what} is not possible here. Use only {{{{ placeholder }}}} and {{% if placeholder %}} … {{% endif %}}."
        )
        self.faults.append(Fault(node.lineno, message))


def _name_of(node: nodes.Node) -> str:
    words = {
        "Getattr": "An attribute",
        "Getitem": "An element in brackets",
        "Filter": "A filter",
        "FilterBlock": "A filter",
        "Call": "A call",
        "CallBlock": "A call",
        "For": "A loop",
        "If": "“else” or “elif”",
        "Const": "A fixed value",
        "Include": "Including another text",
        "Import": "An import",
        "FromImport": "An import",
        "Extends": "Extending another text",
        "Macro": "A macro",
        "Assign": "Setting a value",
        "AssignBlock": "Setting a value",
        "Block": "A block",
    }
    return words.get(type(node).__name__, "This expression")


def _in_words(error: TemplateSyntaxError) -> str:
    return f"This cannot be read: {(error.message or 'wrong syntax')[:300]}"


__all__ = [
    "LONGEST_TEXT",
    "BadText",
    "Fault",
    "Markup",
    "Steps",
    "clean",
    "for_html",
    "one_line",
    "read",
    "without_controls",
    "write",
]
