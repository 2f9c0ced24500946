"""Reads the template of a fragment and says whether it is one element with an id, in each of its states."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID_ELEMENTS = frozenset(["area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])
_UNSEEN = re.compile(r"\{#.*?#\}|\{%[-+]?\s*macro\b.*?endmacro\s*[-+]?%\}", re.DOTALL)
_STATEMENT = re.compile(r"(\{%.*?%\})", re.DOTALL)
_EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_WORD = re.compile(r"\{%[-+]?\s*(\w+)")


def problem_of(template: str) -> str:
    """What is wrong with the fragment, or an empty text."""
    roots = _Roots()
    for piece in _STATEMENT.split(_UNSEEN.sub("", template)):
        if word := _WORD.match(piece):
            roots.follow(word[1])
        else:
            roots.feed(_EXPRESSION.sub("x", piece))
    if roots.count > 1:
        return f"{roots.count} elements at the top"
    if roots.repeated:
        return "a loop at the top"
    return f"the root <{roots.without_id[0]}> has no id" if roots.without_id else ""


class _Roots(HTMLParser):
    """Counts the elements at the top. The branches of an ``if`` are alternatives: the one with the most counts."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.count = 0
        self.repeated = False
        self.without_id: list[str] = []
        self._branches: list[tuple[int, int, int]] = []  # depth and count where the "if" stands, and the most so far
        self._loops: list[int] = []
        self._open: list[str] = []  # "if" and "for" as they are nested: an "else" belongs to the innermost

    def follow(self, word: str) -> None:
        """Go on after a statement of Jinja."""
        if word in ("if", "for"):
            self._open.append(word)
        if word == "if":
            self._branches.append((self.depth, self.count, self.count))
        elif word in ("elif", "else") and self._open and self._open[-1] == "if":
            depth, before, most = self._branches.pop()
            self._branches.append((depth, before, max(most, self.count)))
            self.depth, self.count = depth, before
        elif word == "endif":
            self._open.pop()
            _, _, most = self._branches.pop()
            self.count = max(most, self.count)
        elif word == "for":
            self._loops.append(self.count)
        elif word == "endfor":
            self._open.pop()
            self.repeated |= self.count > self._loops.pop()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count an element at the top; go one deeper."""
        self.handle_startendtag(tag, attrs)
        self.depth += tag not in VOID_ELEMENTS

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count an element at the top that ends at once."""
        if self.depth == 0:
            self.count += 1
            self.without_id += [] if "id" in dict(attrs) else [tag]

    def handle_endtag(self, tag: str) -> None:
        """Come one up."""
        self.depth -= tag not in VOID_ELEMENTS
