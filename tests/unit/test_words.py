"""How words are written that people read: one kind of apostrophe, everywhere."""

import ast
import re

import pytest

from tests.unit.test_house import because, texts

STRAIGHT = re.compile(r"(?<=[A-Za-z}])'(?=(?:s|t|re|ve|ll|d|m)\b)")
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
# In a terminal every sign is to be typed. The words of a ruling are recorded, and a replay compares them.
OTHERWISE = ("portal/cli.py", "portal/commands/", "portal/policies/evaluate.py")


def messages_in(text):
    """The texts in a module that are no docstrings, with their lines."""
    tree = ast.parse(text)
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.lineno, node.value


def test_templates_write_apostrophes_as_books_do():
    found = [
        f"{name}: {COMMENT.sub('', text)[max(0, hit.start() - 30) : hit.end() + 10]!r}"
        for kind in (".html", ".txt")
        for name, text in texts(kind, below="templates/")
        for hit in STRAIGHT.finditer(COMMENT.sub("", text))
    ]
    assert not found, because("One page says it’s and the next it's: readers take one of the two for a mistake.", found)


@pytest.mark.parametrize("below", ["portal/", "admin/"])
def test_messages_write_apostrophes_as_books_do(below):
    found = [
        f"{name}:{line}: {message[:80]!r}"
        for name, text in texts(".py", below=below)
        if not name.startswith(OTHERWISE)
        for line, message in messages_in(text)
        if STRAIGHT.search(message)
    ]
    assert not found, because("What a room says stands on the same page as what its template says.", found)


def test_templates_quote_as_books_do():
    found = [
        f"{name}: {line.strip()[:100]}"
        for name, text in texts(".html", below="templates/")
        for line in text.splitlines()
        if '\\"' in line
    ]
    assert not found, because("Words that are quoted stand in “these” on every page.", found)
