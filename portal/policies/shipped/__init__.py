"""The policies that Portico brings along, one JSON file each, to be made a draft and changed to taste.

A new installation has no rules: the plans decide alone, until somebody activates a policy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from portal.policies.rules import Policy

NAMES = ("standard-paths", "owner-security-it", "pm-infosec-it", "four-eyes", "low-risk-at-once", "office-hours")


@dataclass(frozen=True, slots=True)
class ShippedPolicy:
    """A policy to begin with: what it is called, what it is for, and its rules."""

    key: str
    name: str
    description: str
    policy: Policy

    @property
    def rules_json(self) -> dict[str, Any]:
        """The rules as a draft takes them."""
        return self.policy.as_json()


@cache
def shipped_policies() -> dict[str, ShippedPolicy]:
    """The policies that come with Portico, by their keys."""
    return {name: _read(name) for name in NAMES}


def _read(name: str) -> ShippedPolicy:
    raw = json.loads(files(__package__).joinpath(f"{name}.json").read_text(encoding="utf-8"))
    policy = Policy.from_json(raw["policy"])
    if policy.faults:
        raise ValueError(f"{name}: {policy.faults[0]}")
    return ShippedPolicy(name, raw["name"], raw["description"], policy)
