"""What the commands of ``portico policy`` do: look a file through, write a policy out, make decisions again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from portal import access, catalog, policies
from portal.errors import Invalid, NotFound
from portal.policies import Finding, Policy, Severity


def findings_in_file(path: Path) -> list[Finding]:
    """What is wrong with the policy in a file, or might be, in this installation; the mistakes first."""
    return policies.findings_in(_read(path))


def _read(path: Path) -> Policy:
    """The policy of a file: as it is exported, or as those that come with Portico are written."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise Invalid(f"{path} cannot be read: {problem}.") from problem
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return Policy.from_text(text)
    return Policy.from_json(raw["policy"] if isinstance(raw, dict) and "policy" in raw else raw)


def exported(*, product_slug: str = "", number: int = 0) -> dict[str, Any]:
    """The rules of the version in force, or of the one with this number."""
    product = None
    if product_slug:
        product = catalog.find_product_by_slug(product_slug)
        if product is None:
            raise NotFound(f"There is no product '{product_slug}'.")
    scope = policies.scope_of(product.id if product is not None else None)
    if not number:
        version = policies.active_version(product)
    else:
        version = next((v for v in policies.policy_versions(scope) if v.number == number), None)
    if version is None:
        raise NotFound("There is no such version." if number else "No policy is in force.")
    return {"name": version.name, "number": version.number, "state": version.state.value, "policy": version.rules}


def told(findings: list[Finding]) -> Iterator[str]:
    """Each finding in a line."""
    for finding in findings:
        where = f"{finding.rule}: " if finding.rule else ""
        yield f"{'mistake' if finding.severity is Severity.ERROR else 'to consider'}: {where}{finding.message}"


def rechecked(most: int | None) -> tuple[str, list[str]]:
    """What came of making decisions again: a summary, and a line for each that differs."""
    found = access.recheck(most=most)
    summary = f"{found.checked} decisions made again, {len(found.disagreements)} differ"
    if found.skipped:
        summary += f"; {found.skipped} could not be: it is not known by which version they were made"
    lines = [f"{d.number}, revision {d.revision}: {', '.join(d.differs)}" for d in found.disagreements]
    return f"{summary}.", lines
