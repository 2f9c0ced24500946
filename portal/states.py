"""The allowed moves of everything that has states, as diagrams; made from the tables that the code itself obeys."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from portal.access import GRANT_MOVES, REQUEST_MOVES, STAGE_MOVES, GrantState, RequestStatus, StageState
from portal.catalog import PRODUCT_MOVES, ProductState
from portal.credentials import CREDENTIAL_MOVES, CredentialState
from portal.forms import FORM_MOVES, FormState
from portal.policies import POLICY_MOVES, PolicyState

Moves = Mapping[Any, frozenset[Any]]
HEAD = """# States and the allowed moves

Made by `portico docs states` from the tables in the code: a move that is not drawn here is refused.
Change the table, then make this page again; a test compares the two.
"""
# What is drawn: its heading, what it is, the table, where it begins, and what some moves mean.
DIAGRAMS: tuple[tuple[str, str, Moves, StrEnum, Mapping[tuple[Any, Any], str]], ...] = (
    (
        "Access request",
        "From the ask to the answer. Nothing leaves an answer: who wants something else asks anew.",
        REQUEST_MOVES,
        RequestStatus.PENDING,
        {
            (RequestStatus.PENDING, RequestStatus.APPROVED): "by the last stage, or at once",
            (RequestStatus.PENDING, RequestStatus.REJECTED): "by a reviewer",
            (RequestStatus.PENDING, RequestStatus.WITHDRAWN): "by the requester",
            (RequestStatus.PENDING, RequestStatus.EXPIRED): "nobody answered in time",
            (RequestStatus.PENDING, RequestStatus.DENIED): "by the policy",
        },
    ),
    (
        "Review stage",
        "One answer that a request needs. An edit by the requester opens again what it touches.",
        STAGE_MOVES,
        StageState.WAITING,
        {
            (StageState.WAITING, StageState.OPEN): "its turn",
            (StageState.OPEN, StageState.PAUSED): "a question",
            (StageState.PAUSED, StageState.OPEN): "the answer",
            (StageState.APPROVED, StageState.WAITING): "an edit touches it",
            (StageState.OPEN, StageState.WAITING): "an edit opens an earlier one",
            (StageState.OPEN, StageState.SKIPPED): "no longer needed",
        },
    ),
    (
        "Policy version",
        "Whoever wrote a version cannot activate it. Activating one retires the one before, in the same transaction.",
        POLICY_MOVES,
        PolicyState.DRAFT,
        {
            (PolicyState.DRAFT, PolicyState.IN_REVIEW): "ask for activation",
            (PolicyState.IN_REVIEW, PolicyState.DRAFT): "sent back",
            (PolicyState.IN_REVIEW, PolicyState.ACTIVE): "by a second person",
            (PolicyState.ACTIVE, PolicyState.RETIRED): "another takes its place",
        },
    ),
    (
        "Version of a request form",
        "An activated version never changes; editing it makes the next one.",
        FORM_MOVES,
        FormState.DRAFT,
        {},
    ),
    (
        "Access",
        "What one app may do with one product. Suspended access opens nothing, and is held all the same.",
        GRANT_MOVES,
        GrantState.ACTIVE,
        {
            (GrantState.ACTIVE, GrantState.SUSPENDED): "by whoever may revoke it, or not approved again in time",
            (GrantState.SUSPENDED, GrantState.ACTIVE): "resumed",
            (GrantState.ACTIVE, GrantState.EXPIRED): "its time is over",
            (GrantState.ACTIVE, GrantState.SUPERSEDED): "a renewal, another plan or a re-approval takes its place",
            (GrantState.SUSPENDED, GrantState.SUPERSEDED): "approved again",
        },
    ),
    (
        "Credential",
        "The secret is made when it is shown.",
        CREDENTIAL_MOVES,
        CredentialState.PENDING_REVEAL,
        {(CredentialState.PENDING_REVEAL, CredentialState.ACTIVE): "revealed once"},
    ),
    (
        "API product",
        "Consumers see published and deprecated products.",
        PRODUCT_MOVES,
        ProductState.DRAFT,
        {},
    ),
)


def states_page() -> str:
    """The whole page, in Markdown with Mermaid diagrams."""
    return "\n".join([HEAD, *(_part(*diagram) for diagram in DIAGRAMS)])


def _part(heading: str, text: str, moves: Moves, start: StrEnum, words: Mapping[tuple[Any, Any], str]) -> str:
    lines = [f"## {heading}", "", text, "", "```mermaid", "stateDiagram-v2", f"    [*] --> {start.value}"]
    for state in moves:
        for target in [other for other in moves if other in moves[state]]:
            said = words.get((state, target))
            lines.append(f"    {state.value} --> {target.value}" + (f": {said}" if said else ""))
        if not moves[state]:
            lines.append(f"    {state.value} --> [*]")
    return "\n".join([*lines, "```", ""])
