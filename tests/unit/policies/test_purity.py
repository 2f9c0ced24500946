"""Judging reads no database, no clock and no setting: the same policy and facts give the same ruling, anywhere."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import portal.policies

ROOM = Path(portal.policies.__file__).parent
PURE = {
    *("attributes", "operators", "facts", "conditions", "rules", "stages", "evaluate", "worlds", "checks", "wording"),
    *("changes", "replay", "shipped/__init__"),
}
MAY_USE = {
    *(
        "__future__",
        "collections",
        "contextlib",
        "dataclasses",
        "datetime",
        "enum",
        "functools",
        "hashlib",
        "importlib",
    ),
    *("ipaddress", "itertools", "json", "math", "re", "typing", "zoneinfo"),
}


@pytest.mark.parametrize("name", sorted(PURE))
def test_the_engine_uses_nothing_but_itself(name):
    tree = ast.parse((ROOM / f"{name}.py").read_text())

    foreign = {module for module in imported(tree) if module.split(".")[0] not in MAY_USE}

    assert foreign <= {f"portal.policies.{other}" for other in PURE}
    assert not {"now", "utcnow", "today"} & {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def imported(tree: ast.Module) -> set[str]:
    """The modules that are imported, each by its whole name."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = node.module == "portal.policies"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if inner else {str(node.module)}
    return found
