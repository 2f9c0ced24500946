"""From YAML text to a tree, straight from the parser's events.

Events come one by one, so that depth, number and repetition are bounded before anything is built. Plain scalars follow
the core schema of YAML 1.2, as OpenAPI asks: ``no``, ``12:30`` and ``2024-01-01`` are texts. Names are always texts.
Numbers with zeros in front are identifiers more often than numbers, and stay texts too.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from portal.catalog.descriptions.jsontree import too_deep
from portal.catalog.descriptions.model import Faults, Limits, Refused, Severity, Tree, shorten
from portal.catalog.descriptions.text import clean

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

WORDS: dict[str, Tree] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
NUMBER_BEGINS = frozenset("+-.0123456789")
INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
SURROGATE_ESCAPES = re.compile(
    r"(?<!\\)\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?<!\\)\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
STANDARD_TAG = "tag:yaml.org,2002:"
KNOWN_TAGS = {STANDARD_TAG + name for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge", "value")}
NO_KEY: Any = object()
MERGE: Any = object()


def load_yaml(text: str, limits: Limits, faults: Faults) -> Tree:
    """The tree of the first document. Raises yaml.YAMLError for what is not YAML, Refused for what is too much."""
    try:
        return built(text, limits, faults)
    except yaml.YAMLError:
        joined = SURROGATE_ESCAPES.sub(as_one_escape, text)
        if joined == text:
            raise
    return built(joined, limits, faults)


def as_one_escape(match: re.Match[str]) -> str:
    """What JSON writes as two escapes, as the one that YAML knows; half of a pair means nothing."""
    halves = [int(half, 16) for half in re.findall(r"\\u(.{4})", match[0])]
    if len(halves) == 1:
        return "\\ufffd"
    return f"\\U{0x10000 + ((halves[0] & 0x3FF) << 10) + (halves[1] & 0x3FF):08x}"


def built(text: str, limits: Limits, faults: Faults) -> Tree:
    """The tree, with the parser closed whatever happens."""
    loader = Loader(text)
    try:
        return Builder(loader, limits, faults).build()
    except RecursionError:  # only the parser in Python
        raise too_deep(limits) from None
    finally:
        loader.dispose()


@dataclass(slots=True)
class Frame:
    """A mapping or list that is being filled."""

    tree: Any
    is_mapping: bool
    anchor: str | None
    line: int = 0
    key: Any = NO_KEY
    merges: list[Any] = field(default_factory=list)
    nodes: int = 1
    characters: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What an anchor stands for, and how much it is when written out."""

    tree: Tree
    nodes: int
    characters: int


class Builder:
    """Builds the tree from events."""

    def __init__(self, loader: Any, limits: Limits, faults: Faults) -> None:
        self._next = loader.get_event
        self._limits = limits
        self._faults = faults
        self._frames: list[Frame] = []
        self._known: dict[str, Known] = {}
        self._nodes = 0
        self._root: Tree = None

    def build(self) -> Tree:
        """Read events until the first document is complete."""
        actions = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._open_mapping,
            yaml.SequenceStartEvent: self._open_list,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
        }
        following = self._next
        while (event := following()) is not None and event.__class__ is not yaml.DocumentEndEvent:
            if action := actions.get(event.__class__):
                action(event)
        self._look_for_more()
        return self._root

    def _look_for_more(self) -> None:
        """Several documents in one file: say that only the first counts, without reading on."""
        if isinstance(self._next(), yaml.DocumentStartEvent):
            self._faults.add("file", "The file holds several YAML documents; only the first was read.")

    def _scalar(self, event: Any) -> None:
        value = event.value
        if self._awaits_key:
            tree: Tree = MERGE if value == "<<" and event.implicit[0] else clean(value)
        else:
            tree = self._value(event, value)
        if event.anchor:
            self._known[event.anchor] = Known(value if tree is MERGE else tree, 1, len(value))
        self._put(tree, event, 1, len(value))

    @property
    def _awaits_key(self) -> bool:
        return bool(self._frames) and self._frames[-1].is_mapping and self._frames[-1].key is NO_KEY

    def _value(self, event: Any, value: str) -> Tree:
        """What a scalar means: plain ones may be null, true, numbers; quoted ones are texts."""
        tag = event.tag
        if tag and tag != "!":
            return self._tagged(tag, value, event)
        if not event.implicit[0]:
            return clean(value)
        if value in WORDS:
            return WORDS[value]
        if value[0] in NUMBER_BEGINS:
            return self._number(value, event)
        return clean(value)

    def _tagged(self, tag: str, value: str, event: Any) -> Tree:
        if tag not in KNOWN_TAGS:
            self._faults.add(
                self._place(event), f"The YAML tag {shorten(tag, 80)} has no meaning here and was ignored."
            )
        if tag == STANDARD_TAG + "str" or tag not in KNOWN_TAGS:
            return clean(value)
        return WORDS[value] if value in WORDS else self._number(value, event)

    def _number(self, value: str, event: Any) -> Tree:
        if len(value) > self._limits.digits:
            if DECIMAL.fullmatch(value):
                self._faults.add(
                    self._place(event), "This number is too long to be one; it is kept as text.", Severity.NOTE
                )
            return clean(value)
        if INTEGER.fullmatch(value):
            return int(value)
        if OTHER_BASE.fullmatch(value):
            return int(value[2:], 8 if value[1] == "o" else 16)
        if DECIMAL.fullmatch(value) and math.isfinite(number := float(value)):
            return number
        return clean(value)

    def _open_mapping(self, event: Any) -> None:
        self._open(event, {}, is_mapping=True)

    def _open_list(self, event: Any) -> None:
        self._open(event, [], is_mapping=False)

    def _open(self, event: Any, tree: Tree, *, is_mapping: bool) -> None:
        if len(self._frames) >= self._limits.depth:
            raise too_deep(self._limits)
        if event.tag and event.tag != "!" and event.tag not in KNOWN_TAGS:
            self._faults.add(
                self._place(event), f"The YAML tag {shorten(event.tag, 80)} has no meaning here and was ignored."
            )
        self._known.pop(event.anchor or "", None)  # until it is closed, it cannot be repeated inside itself
        self._frames.append(Frame(tree, is_mapping, event.anchor, event.start_mark.line + 1))

    def _close(self, event: Any) -> None:
        frame = self._frames.pop()
        for merged in reversed(frame.merges):
            self._merge(frame, merged)
        if frame.anchor:
            self._known[frame.anchor] = Known(frame.tree, frame.nodes, frame.characters)
        self._put(frame.tree, event, frame.nodes, frame.characters)

    def _alias(self, event: Any) -> None:
        known = self._known.get(event.anchor)
        if known is None:
            line = event.start_mark.line + 1
            inside = any(frame.anchor == event.anchor for frame in self._frames)
            reason = "contains itself" if inside else "is not defined before it"
            raise Refused(f"Line {line}: what the YAML alias *{shorten(event.anchor, 60)} stands for {reason}.")
        tree = known.tree
        if self._awaits_key and not isinstance(tree, (dict, list)):
            tree = str(tree)
        self._put(tree, event, known.nodes, known.characters)

    def _put(self, tree: Tree, event: Any, nodes: int, characters: int) -> None:
        """Put a value where it belongs, and count what it adds when written out."""
        self._nodes += 1
        if not self._frames:
            self._root = tree
            return
        frame = self._frames[-1]
        frame.nodes += nodes
        frame.characters += characters
        if frame.nodes > self._limits.nodes or frame.characters > self._limits.size or self._nodes > self._limits.nodes:
            raise Refused(self._too_much())
        if not frame.is_mapping:
            frame.tree.append(tree)
        elif frame.key is NO_KEY:
            if isinstance(tree, (dict, list)):
                raise yaml.MarkedYAMLError(problem="a mapping or list cannot be a name", problem_mark=event.start_mark)
            frame.key = tree
        else:
            self._put_pair(frame, tree, event)

    def _put_pair(self, frame: Frame, tree: Tree, event: Any) -> None:
        key, frame.key = frame.key, NO_KEY
        if key is MERGE:
            frame.merges.extend(tree if isinstance(tree, list) else [tree])
            return
        if key in frame.tree:
            place = f"{self._place(event)}, {shorten(key, 100)}"
            self._faults.add(place, "This name stands twice in the same place; the last one holds.")
        frame.tree[key] = tree

    def _merge(self, frame: Frame, merged: Tree) -> None:
        """``<<: *other``: names that are not given here come from there."""
        if not isinstance(merged, dict):
            self._faults.add(f"line {frame.line}", "Only mappings can be merged with “<<”; the entry was left out.")
            return
        for key, value in merged.items():
            frame.tree.setdefault(key, value)

    def _place(self, event: Any) -> str:
        return f"line {event.start_mark.line + 1}"

    def _too_much(self) -> str:
        if self._known and self._nodes <= self._limits.nodes:
            return "Written out, the YAML aliases of this file make it too large (an “alias bomb”)."
        return f"The file holds more than {self._limits.nodes:,} values."
