"""Changing policies: a draft, the check, the request to activate, and the second person who does (C49, C51, C137).

A draft changes nothing. Whoever wrote any of it cannot put it in force; somebody else with the right can, after a look
at what it would have changed. The version before retires in the same transaction, and a partial unique index has the
last word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from portal import catalog
from portal.accounts import Right, User, people_with_right
from portal.catalog import ApiProduct, may_edit_product
from portal.db import db, lock, now
from portal.errors import Conflict, Invalid, NotAllowed, NotFound
from portal.events import EventKind, last_event, record
from portal.policies.checks import Finding, Severity, Surroundings, check, is_sound
from portal.policies.rules import NO_RULES, Policy, content_hash
from portal.policies.staffable import can_staff
from portal.policies.versions import PolicyState, PolicyVersion, scope_of, stage_templates

LONGEST_NAME, LONGEST_NOTE = 120, 2_000
EMPTY: dict[str, Any] = {"rules": [], "order": []}


class BadPolicy(Invalid):
    """The rules cannot be kept as they are; ``findings`` say what is wrong, and where."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        errors = [finding for finding in findings if finding.severity is Severity.ERROR]
        count = "1 mistake" if len(errors) == 1 else f"{len(errors)} mistakes"
        super().__init__(f"The rules have {count}: {errors[0].message if errors else ''}".strip())
        self.findings = list(findings)


# --- reading ---------------------------------------------------------------------------------------------------------


def find_version(version_id: int) -> PolicyVersion | None:
    """The version of a policy with this key."""
    return db.session.get(PolicyVersion, version_id)


def active_version(product: ApiProduct | None = None) -> PolicyVersion | None:
    """The version in force: the global one, or that of a product's own rules."""
    scope = scope_of(product.id if product is not None else None)
    query = select(PolicyVersion).where(PolicyVersion.scope == scope, PolicyVersion.state == PolicyState.ACTIVE)
    return db.session.scalar(query)


def policy_versions(scope: str = "") -> Sequence[PolicyVersion]:
    """All versions, of one scope or of every one, the global ones first and the newest of each first."""
    query = select(PolicyVersion).options(
        joinedload(PolicyVersion.product), joinedload(PolicyVersion.author), joinedload(PolicyVersion.approver)
    )
    if scope:
        query = query.where(PolicyVersion.scope == scope)
    query = query.order_by(PolicyVersion.product_id.is_not(None), PolicyVersion.product_id, PolicyVersion.number.desc())
    return db.session.scalars(query).unique().all()


def policy_of(version: PolicyVersion | None) -> Policy:
    """The rules of a version, ready to judge; no rules without one."""
    return NO_RULES if version is None else Policy.from_json(version.rules)


def may_edit_policy(product: ApiProduct | None, person: User) -> bool:
    """Whether this person may write and activate: the rules for all, or those of a product of their own."""
    if person.may(Right.EDIT_POLICIES):
        return True
    return product is not None and may_edit_product(product, person)


def may_activate(version: PolicyVersion, person: User) -> bool:
    """Whether this person could be the second one."""
    return may_edit_policy(version.product, person) and not version.is_written_by(person)


def second_persons(version: PolicyVersion) -> list[User]:
    """Everybody who could put this version in force: with the right to, and without a part in its text."""
    people = people_with_right(Right.EDIT_POLICIES, Right.EDIT_PRODUCTS)
    return [person for person in people if may_activate(version, person)]


def asked_by(version: PolicyVersion) -> User | None:
    """Who asked last for this version to be put in force; None where nobody has."""
    event = last_event(EventKind.POLICY_PROPOSED, version)
    return db.session.get(User, event.actor_id) if event is not None and event.actor_id is not None else None


def findings_in(rules: Mapping[str, Any] | Policy, product: ApiProduct | None = None) -> list[Finding]:
    """What is wrong with these rules, or might be, in this installation as it is now; the mistakes first."""
    policy = rules if isinstance(rules, Policy) else Policy.from_json(rules)
    templates = stage_templates()
    above = policy_of(active_version()) if product is not None else None
    around = Surroundings(templates=templates, can_staff=can_staff(templates), known=_known(policy), above=above)
    found = check(policy, around)
    if above is not None:
        found += _overruled(policy, above)
    return found


def _known(policy: Policy) -> dict[str, list[str]]:
    """The values that the registry cannot know, of those attributes that the policy reads."""
    reads = frozenset[str]().union(*(rule.reads for rule in policy.rules)) if policy.rules else frozenset()
    known: dict[str, list[str]] = {}
    for name in reads & {"product.slug", "app.products"}:
        known[name] = list(db.session.scalars(select(ApiProduct.slug)))
    if "product.category" in reads:
        known["product.category"] = list(catalog.categories())
    if "product.regions" in reads:
        known["product.regions"] = list(catalog.REGIONS)
    if "plan.slug" in reads:
        known["plan.slug"] = [plan.slug for plan in catalog.plans()]
    return known


def _overruled(policy: Policy, above: Policy) -> list[Finding]:
    """Places that a product's rules give to stages, and that the rules for all give them already."""
    ranks = {key: place for key, place in policy.places.items() if key in above.places}
    if [key for key, _ in sorted(ranks.items(), key=lambda r: (r[1], r[0]))] == [
        key for key, _ in sorted(ranks.items(), key=lambda r: (above.places[r[0]], r[0]))
    ]:
        return []
    message = "The rules for all products order these stages otherwise, and theirs is the order that counts."
    return [Finding(Severity.WARNING, "", message)]


# --- drafts ----------------------------------------------------------------------------------------------------------


def create_draft(
    rules: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    note: str = "",
    product: ApiProduct | None = None,
    like: PolicyVersion | None = None,
    by: User,
) -> PolicyVersion:
    """A new draft with these rules, or without any. It may hold mistakes: it changes nothing before it is activated.

    ``like`` is the version that it begins as. Who wrote one that nobody has seconded is no second person here either.
    """
    _need_to_edit(product, by)
    scope = scope_of(product.id if product is not None else None)
    last = db.session.scalar(select(func.max(PolicyVersion.number)).where(PolicyVersion.scope == scope))
    written = _plain(rules or EMPTY)
    draft = PolicyVersion(
        scope=scope,
        product_id=product.id if product is not None else None,
        number=(last or 0) + 1,
        name=_line(name),
        note=_prose(note),
        rules=written,
        content_hash=content_hash(written),
        author_id=by.id,
        writers=sorted({by.id, *(like.writers if like is not None and not like.was_seconded else ())}),
    )
    db.session.add(draft)
    _flush("Somebody else began a draft at this moment. Try again.")
    record(EventKind.POLICY_DRAFTED, subject=draft, by=by, after=_summary(draft))
    return draft


def change_draft(
    version: PolicyVersion,
    *,
    rules: Mapping[str, Any],
    by: User,
    revision: int,
    name: str | None = None,
    note: str | None = None,
    unfinished: bool = False,
) -> list[Finding]:
    """Keep what a draft says now; gives what its author should know of.

    Raises BadPolicy when the rules have mistakes, unless they are kept ``unfinished``; Conflict when the version is
    no draft any more or was changed meanwhile.
    """
    draft = _locked(version, by, revision)
    if draft.state is not PolicyState.DRAFT:
        raise Conflict(f"{draft.label} is {_said(draft.state)} and can no longer be changed. Make a new draft of it.")
    written = _plain(rules)
    findings = findings_in(written, draft.product)
    if not unfinished and not is_sound(findings):
        raise BadPolicy(findings)
    wanted = (_line(name) if name is not None else draft.name, _prose(note) if note is not None else draft.note)
    if (draft.name, draft.note, draft.rules) != (*wanted, written):
        before = _summary(draft)
        if draft.rules != written:
            draft.note_writer(by)  # whoever wrote any of it cannot be the second person
        draft.name, draft.note = wanted
        draft.rules, draft.content_hash = written, content_hash(written)
        db.session.flush()
        record(EventKind.POLICY_CHANGED, subject=draft, by=by, before=before, after=_summary(draft))
    return findings


def discard(version: PolicyVersion, *, by: User, revision: int) -> None:
    """Give a draft up, or one that waits for its second person. It stays readable."""
    draft = _locked(version, by, revision)
    draft.move_to(PolicyState.DISCARDED)
    db.session.flush()
    record(EventKind.POLICY_DISCARDED, subject=draft, by=by, after=_summary(draft))


# --- activation ------------------------------------------------------------------------------------------------------


def ask_activation(version: PolicyVersion, *, by: User, revision: int) -> None:
    """Put a draft before a second person. From here on it does not change. Raises BadPolicy when it has mistakes."""
    draft = _locked(version, by, revision)
    _refuse_mistakes(draft)
    draft.move_to(PolicyState.IN_REVIEW)
    db.session.flush()
    record(EventKind.POLICY_PROPOSED, subject=draft, by=by, after=_summary(draft))


def send_back(version: PolicyVersion, *, by: User, revision: int, reason: str = "") -> None:
    """Make a draft of it again: the second person wants something else, or the author does."""
    waiting = _locked(version, by, revision)
    waiting.move_to(PolicyState.DRAFT)
    db.session.flush()
    record(EventKind.POLICY_SENT_BACK, subject=waiting, by=by, reason=_prose(reason), after=_summary(waiting))


def activate(version: PolicyVersion, *, by: User, revision: int, in_place_of: int | None) -> PolicyVersion:
    """Put a version in force, as the second person. Requests that were made before keep theirs.

    ``in_place_of`` is the version that was in force on the screen (None: none): what was shown is compared with it.
    """
    waiting = _locked(version, by, revision)
    if waiting.is_written_by(by):
        raise NotAllowed("It takes a second person to put a policy in force: somebody who wrote no part of it.")
    _refuse_mistakes(waiting)
    former = db.session.scalars(
        select(PolicyVersion)
        .where(PolicyVersion.scope == waiting.scope, PolicyVersion.state == PolicyState.ACTIVE)
        .with_for_update(of=PolicyVersion)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if (former.id if former is not None else None) != in_place_of:
        raise Conflict("Another version has been put in force since this page was shown. Look at the replay again.")
    if former is not None:
        former.move_to(PolicyState.RETIRED)
        former.retired_at = now()
        db.session.flush()
        record(EventKind.POLICY_RETIRED, subject=former, by=by, after=_summary(former))
    waiting.move_to(PolicyState.ACTIVE)
    waiting.approver_id, waiting.activated_at = by.id, now()
    _flush("Somebody else has put another version in force at this moment. Look again.")
    before = {"in force": former.label} if former is not None else None
    record(EventKind.POLICY_ACTIVATED, subject=waiting, by=by, before=before, after=_summary(waiting))
    return waiting


def _refuse_mistakes(version: PolicyVersion) -> None:
    findings = findings_in(version.rules, version.product)
    if not is_sound(findings):
        raise BadPolicy(findings)


def _locked(version: PolicyVersion, by: User, revision: int) -> PolicyVersion:
    """The version as it is now, locked, if this person may change it and it is still what was on the screen."""
    locked = lock(PolicyVersion, version.id)
    if locked is None:
        raise NotFound("There is no such policy.")
    _need_to_edit(locked.product, by)
    if locked.version != revision:
        raise Conflict(f"{locked.label} has changed since this page was shown. What it says now is below.")
    return locked


def _need_to_edit(product: ApiProduct | None, by: User) -> None:
    if not may_edit_policy(product, by):
        whose = "the rules of this product" if product is not None else "the rules for all products"
        raise NotAllowed(f"You cannot change {whose}.")


def _flush(refusal: str) -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        raise Conflict(refusal) from error


def _plain(rules: Mapping[str, Any]) -> dict[str, Any]:
    """The rules as they are stored: in their canonical form where they can be read, as they were written elsewhere."""
    policy = Policy.from_json(rules)
    return policy.as_json() if not policy.faults else dict(rules)


def _summary(version: PolicyVersion) -> dict[str, Any]:
    said = {"name": version.name, "state": version.state, "content": version.content_hash, "note": version.note}
    rules = version.rules.get("rules", [])
    keys = [str(rule.get("key", "")) for rule in rules if isinstance(rule, dict)] if isinstance(rules, list) else []
    return {**{name: value for name, value in said.items() if value}, "rules": keys}


def _said(state: PolicyState) -> str:
    return "waiting for activation" if state is PolicyState.IN_REVIEW else state.replace("_", " ")


def _line(text: str) -> str:
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    if len(line) > LONGEST_NAME:
        raise Invalid(f"The name can have at most {LONGEST_NAME} characters.", field="name")
    return line


def _prose(text: str) -> str:
    plain = text.replace("\x00", "").strip()
    if len(plain) > LONGEST_NOTE:
        raise Invalid(f"The note can have at most {LONGEST_NOTE} characters.", field="note")
    return plain
