"""Approval policies: their versions, the editor, and the way of a draft to the second person who activates it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, flash, request, url_for
from flask.typing import ResponseReturnValue

from admin import policy_editor as editor
from admin.policy_presses import arranged
from admin.policy_views import (
    Told,
    attributes_by_source,
    differences,
    path_in_general,
    rules_in_words,
    told,
)
from portal import access, catalog, policies
from portal.accounts import Right
from portal.catalog import ApiProduct, may_edit_product
from portal.db import transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.policies import (
    REGISTRY,
    WEEKDAYS,
    BadPolicy,
    Finding,
    Policy,
    PolicyState,
    PolicyVersion,
    stage_templates,
)
from portal.web import current_person, done, found, key_of, render, requires

bp = Blueprint("policies", __name__)
MOST_PRODUCTS, PRODUCTS_AT_ONCE = 2_000, 200
ACTIVE, EMPTY = "active", "empty"


@bp.get("/policies")
@requires(Right.SEE_POLICIES)
def index() -> ResponseReturnValue:
    """Every version of the rules for all products, and of products' own."""
    versions = policies.policy_versions()
    whole = [v for v in versions if v.product_id is None]
    active = next((v for v in whole if v.state is PolicyState.ACTIVE), None)
    return render(
        "admin/policies/index.html",
        whole=whole,
        of_products=[v for v in versions if v.product_id is not None],
        active=active,
        path=path_in_general(policies.policy_of(active), stage_templates()) if active is not None else [],
        may_write=current_person().may(Right.EDIT_POLICIES),
        may_write_some=current_person().may(Right.EDIT_PRODUCTS),
        unstaffed=policies.unstaffed_stages(),
    )


@bp.get("/policies/new")
@requires(Right.EDIT_PRODUCTS)
def new() -> ResponseReturnValue:
    """What to begin with."""
    return _new()


@bp.post("/policies/new")
@requires(Right.EDIT_PRODUCTS)
def create() -> ResponseReturnValue:
    """Begin a draft: empty, from a shipped policy, or from what is in force."""
    name, product_key = request.form.get("name", ""), key_of(request.form.get("product", ""))
    try:
        with transaction():
            product = found(catalog.find_product(product_key)) if product_key else None
            start, title = _start(request.form.get("start", ""), product)
            draft = policies.create_draft(start, name=name.strip() or title, product=product, by=current_person())
    except (Invalid, NotAllowed) as refusal:
        return _new(refusal.message, status=403 if isinstance(refusal, NotAllowed) else 422)
    return done(page(draft), "The draft is made. It changes nothing before it is activated.")


@bp.get("/policies/<key:version_id>")
@requires(Right.SEE_POLICIES)
def show(version_id: int) -> ResponseReturnValue:
    """One version: to edit while it is a draft, to read afterwards."""
    version = find(version_id)
    cards, places = _cards_with_places(version)
    findings = policies.findings_in(version.rules, version.product) if version.state in LOOKED_THROUGH else []
    return _show(version, cards, findings=told(findings, cards, places))


@bp.post("/policies/<key:version_id>")
@requires(Right.EDIT_PRODUCTS)
def save(version_id: int) -> ResponseReturnValue:
    """Keep what the draft says. Mistakes are told at their place, and nothing typed is lost."""
    version, cards = _editable(version_id), editor.typed_cards(request.form)
    places: dict[str, tuple[int, str]] = {}
    rules = editor.rules_of(cards, editor.typed_steps(request.form, stage_templates()), places)
    for card, rule in zip(cards, rules["rules"], strict=True):
        card["key"] = rule["key"]
    try:
        findings = _kept(version, rules, unfinished="unfinished" in request.form)
    except BadPolicy as bad:
        return _show(
            find(version_id), cards, findings=told(bad.findings, cards, places), typed=True, refused=True, status=422
        )
    except (Invalid, Conflict) as refusal:
        status = 409 if isinstance(refusal, Conflict) else 422
        return _show(find(version_id), cards, problem=refusal.message, typed=True, status=status)
    doubts = len(findings)
    more = f" There {'is 1 thing' if doubts == 1 else f'are {doubts} things'} to look at." if doubts else ""
    return done(page(version), f"The draft is saved.{more}")


@bp.post("/policies/<key:version_id>/rows")
@requires(Right.EDIT_PRODUCTS)
def arrange(version_id: int) -> ResponseReturnValue:
    """Add, move or take away a rule or a condition on the page; nothing is stored before the draft is saved."""
    version = _editable(version_id)
    cards, focus = arranged(editor.typed_cards(request.form), request.form.get("do", ""))
    return _show(version, cards, typed=True, unsaved=True, focus=focus or request.form.get("look", ""))


@bp.post("/policies/<key:version_id>/json")
@requires(Right.EDIT_PRODUCTS)
def write_json(version_id: int) -> ResponseReturnValue:
    """Keep a draft that was written as JSON."""
    version, text = _editable(version_id), request.form.get("json", "")
    cards = editor.cards_of(version.rules)
    if _names_no_text(text):
        return _show(version, cards, problem=NO_TEXT, json_text=text, status=422)
    policy = Policy.from_text(text)
    try:
        if policy.faults:
            raise BadPolicy(policies.findings_in(policy, version.product))
        _kept(version, policy.as_json(), unfinished="unfinished" in request.form)
    except BadPolicy as bad:
        said = [Told(f.severity == "error", _with_its_rule(f)) for f in bad.findings]
        return _show(find(version_id), cards, findings=said, refused=True, json_text=text, status=422)
    except (Invalid, Conflict) as refusal:
        status = 409 if isinstance(refusal, Conflict) else 422
        return _show(find(version_id), cards, problem=refusal.message, json_text=text, status=status)
    return done(page(version), "The draft is saved.")


NO_TEXT = "This names a character that no text can have: a control character, or half of one (\\ud800 and the like)."
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
LOOKED_THROUGH = frozenset({PolicyState.DRAFT, PolicyState.IN_REVIEW, PolicyState.ACTIVE})


def _start(start: str, product: ApiProduct | None) -> tuple[Mapping[str, Any] | None, str]:
    """The rules to begin with, and a name for them."""
    if start == ACTIVE:
        version = policies.active_version(product)
        return (version.rules, version.name) if version is not None else (None, "")
    shipped = policies.shipped_policies().get(start)
    if shipped is not None:
        return shipped.rules_json, shipped.name
    if start != EMPTY:
        raise Invalid("Choose what to begin with.")
    return None, ""


def _names_no_text(text: str) -> bool:
    """Whether JSON names, by its escapes, what no form could send and no database holds."""
    try:
        written = json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return False  # it is told as what cannot be read
    return bool(_NO_TEXT.search(written) or re.search(r"(?<!\\)(?:\\\\)*\\(u00|b|f)", written))


def _kept(version: PolicyVersion, rules: Mapping[str, Any], *, unfinished: bool) -> list[Finding]:
    with transaction():
        return policies.change_draft(
            version,
            rules=rules,
            name=request.form.get("name"),
            note=request.form.get("note"),
            by=current_person(),
            revision=revision(),
            unfinished=unfinished,
        )


def _new(problem: str = "", *, status: int = 200) -> ResponseReturnValue:
    whole = current_person().may(Right.EDIT_POLICIES)
    product_key = key_of(request.values.get("product", ""))
    return render(
        "admin/policies/new.html",
        status=status,
        problem=problem,
        products=_products_of_mine(),
        product_key=product_key,
        may_write_all=whole,
        shipped=policies.shipped_policies().values(),
        active=policies.active_version(),
        start=request.form.get("start", "standard-paths" if whole and not product_key else EMPTY),
        name=request.form.get("name", ""),
    )


def _products_of_mine() -> Sequence[ApiProduct]:
    """The products whose own rules this person may write, by name."""
    person = current_person()
    found_so_far: list[ApiProduct] = []
    while len(found_so_far) < MOST_PRODUCTS:
        after = found_so_far[-1].id if found_so_far else None
        found_so_far += (some := catalog.products_page(after=after, size=PRODUCTS_AT_ONCE))
        if len(some) < PRODUCTS_AT_ONCE:
            break
    return [product for product in found_so_far if may_edit_product(product, person)]


def _show(
    version: PolicyVersion,
    cards: Sequence[editor.Card],
    *,
    findings: Sequence[Told] = (),
    typed: bool = False,
    problem: str = "",
    unsaved: bool = False,
    refused: bool = False,
    focus: str = "",
    json_text: str = "",
    status: int = 200,
) -> ResponseReturnValue:
    person, templates = current_person(), stage_templates()
    active, policy = policies.active_version(version.product), policies.policy_of(version)
    may_edit = policies.may_edit_policy(version.product, person)
    return render(
        "admin/policies/show.html",
        fragment="admin/policies/_editor.html",
        status=status,
        version=version,
        name=request.form.get("name", "") if typed else version.name,
        note=request.form.get("note", "") if typed else version.note,
        cards=cards,
        steps=editor.typed_steps(request.form, templates) if typed else editor.steps_of(version.rules),
        findings=findings,
        problem=problem,
        unsaved=unsaved,
        refused=refused,
        focus=focus,
        json_text=json_text or json.dumps(version.rules, indent=2, ensure_ascii=False),
        json_open=bool(json_text),
        rules=rules_in_words(policy, templates),
        path=path_in_general(policy, templates),
        use=access.use_of_rules(version) if version.was_seconded else None,
        days_counted=access.DAYS_COUNTED,
        changes=differences(policies.policy_of(active), policy, templates) if active is not version else [],
        active=active,
        templates=templates,
        registry=REGISTRY,
        sources=attributes_by_source(),
        modes=editor.MODES,
        operators_shown=editor.operators_shown,
        values_shown=editor.values_shown,
        weekdays=WEEKDAYS,
        deepest=editor.DEEPEST,
        may_edit=may_edit and version.state is PolicyState.DRAFT,
        may_write=may_edit,
        may_activate=policies.may_activate(version, person),
    )


def _with_its_rule(finding: Finding) -> str:
    """A finding for those who write JSON: the rule by its key, where the message does not say the place."""
    says_where = not finding.rule or finding.message.startswith("rules[")
    return finding.message if says_where else f"Rule “{finding.rule}”: {finding.message}"


def outdated(version_id: int, stale: Conflict) -> ResponseReturnValue:
    """409: the page of a version that is not any more what was on the screen, with a word about that."""
    flash(stale.message, "warning")
    version = find(version_id)
    cards, _ = _cards_with_places(version)
    return _show(version, cards, status=409)


def refused(version_id: int, findings: Sequence[Finding]) -> ResponseReturnValue:
    """The page of a version that has mistakes, with each at its place."""
    version = find(version_id)
    cards, places = _cards_with_places(version)
    return _show(version, cards, findings=told(findings, cards, places), refused=True, status=422)


def _cards_with_places(version: PolicyVersion) -> tuple[list[editor.Card], dict[str, tuple[int, str]]]:
    """The stored rules as cards, and which part of the page each part of them is on."""
    cards, places = editor.cards_of(version.rules), dict[str, tuple[int, str]]()
    editor.rules_of(cards, {}, places)
    return cards, places


def revision() -> int:
    """The revision that was on the screen; 0, which is never the present one, when the page does not say."""
    return key_of(request.form.get("revision", "")) or 0


def page(version: PolicyVersion) -> str:
    """Where a version can be seen."""
    return url_for("admin.policies.show", version_id=version.id)


def _editable(version_id: int) -> PolicyVersion:
    version = find(version_id)
    if not policies.may_edit_policy(version.product, current_person()):
        raise NotAllowed("You cannot change this policy.")
    return version


def find(version_id: int) -> PolicyVersion:
    """The version with this key, or a 404 page."""
    return found(policies.find_version(version_id))
