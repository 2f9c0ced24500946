"""Trying a policy before it counts: a dry run on a sample or a past request, and the replay of what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from admin.policies import bp, find
from admin.policy_views import differences
from portal import access, accounts, apps, catalog, policies
from portal.access import Trial
from portal.accounts import Right, User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, Environment, Plan
from portal.policies import (
    REGISTRY,
    Attribute,
    Kind,
    PolicyVersion,
    Source,
    Whereabouts,
    found_words,
    stage_templates,
    words,
)
from portal.web import current_person, key_of, render, requires

MOST_PRODUCTS, MOST_PEOPLE = 2_000, 50
UNANSWERED = "?"
FIRST_YEAR, LAST_YEAR = 1970, 2999
FORM = [attribute for attribute in REGISTRY.values() if attribute.source is Source.FORM]


@dataclass
class Sample:
    """What was chosen for a dry run, as far as it could be understood, and what could not."""

    requester: User | None = None
    app: DeveloperApp | None = None
    plan: Plan | None = None
    products: Sequence[ApiProduct] = ()
    environment: Environment = Environment.TEST
    answers: dict[str, Any] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    moment: datetime | None = None
    where: Whereabouts = field(default_factory=Whereabouts)
    problems: list[str] = field(default_factory=list)


@bp.get("/policies/<key:version_id>/dry-run")
@requires(Right.SEE_POLICIES)
def dry_run(version_id: int) -> ResponseReturnValue:
    """What this version would say of an ask. Nothing is stored and nobody is told, so it is a GET."""
    version, number = find(version_id), request.args.get("request", "").strip().upper()
    sample, trial = Sample(), None
    if number:
        past = access.find_request(number, seen_by=current_person())
        if past is None:
            sample.problems.append(f"There is no request {number}, or it is not yours to see.")
        else:
            trial = access.try_on_request(version, past)
    elif "requester" in request.args:
        sample = _sample()
        trial = _tried(version, sample)
    return render(
        "admin/policies/dry_run.html",
        version=version,
        number=number,
        sample=sample,
        trial=trial,
        traces=_traces(trial) if trial is not None else [],
        people=_people(),
        plans=catalog.plans(),
        products=catalog.product_choices(most=MOST_PRODUCTS),
        environments=list(Environment),
        attributes=FORM,
        apps_of_requester=apps.apps_of(sample.requester) if sample.requester is not None else [],
        unanswered=UNANSWERED,
        templates=stage_templates(),
    )


@bp.get("/policies/<key:version_id>/replay")
@requires(Right.SEE_POLICIES)
def replay(version_id: int) -> ResponseReturnValue:
    """What would have come out differently so far, if this version took the place of the one in force."""
    version = find(version_id)
    active, templates = policies.active_version(version.product), stage_templates()
    past = access.past_requests(product=version.product)
    if version.product_id is None:
        found_out = policies.replay(past, policies.policy_of(active), policies.policy_of(version), templates=templates)
    else:
        whole = policies.policy_of(policies.active_version())
        own = policies.policy_of(version)
        found_out = policies.replay_team(past, str(version.product_id), whole, own, templates=templates)
    seen = {row.number for row in access.requests_numbered([p.number for p in past], seen_by=current_person())}
    return render(
        "admin/policies/replay.html",
        version=version,
        active=active,
        found_out=found_out,
        templates=templates,
        seen=seen,
        changes=differences(policies.policy_of(active), policies.policy_of(version), templates),
    )


def _sample() -> Sample:
    """What the page's fields say."""
    sent, sample = request.args, Sample()
    email = sent.get("requester", "").strip()
    sample.requester = _requester(email) if email else None
    if sample.requester is None:
        sample.problems.append(_nobody(email) if email else "Name a requester.")
    keys = [key for text in sent.getlist("product") if (key := key_of(text))]
    sample.products = list(catalog.products_with(keys))
    if not sample.products:
        sample.problems.append("Choose at least one product.")
    plan_key = key_of(sent.get("plan", ""))
    sample.plan = catalog.find_plan(plan_key) if plan_key else None
    if sample.plan is None:
        sample.problems.append("Choose a plan.")
    wanted = sent.get("environment", "")
    sample.environment = Environment(wanted) if wanted in set(Environment) else Environment.TEST
    app_key = key_of(sent.get("app", ""))
    if sample.requester is not None and app_key:
        sample.app = next((app for app in apps.apps_of(sample.requester) if app.id == app_key), None)
    sample.moment = _moment(sent.get("at", ""), sample.problems)
    sample.where = _where(sent.get("address", ""), sent.get("country", ""), sample.problems)
    _read_answers(sample)
    return sample


def _requester(email: str) -> User | None:
    """Who has this address, as far as it is no news to whoever asks that they are here."""
    found_, person = accounts.find_person_by_email(email), current_person()
    if found_ is None or person.may(Right.SEE_USERS) or found_.id == person.id:
        return found_
    return found_ if access.has_asked(found_, seen_by=person) else None


def _nobody(email: str) -> str:
    if current_person().may(Right.SEE_USERS):
        return f"There is nobody with the address {email}."
    return f"You can see no request of {email}. Name yourself, or somebody whose requests you can see."


def _read_answers(sample: Sample) -> None:
    """The answers to the form: left out, asked and not answered, or a value."""
    asked = set()
    for attribute in FORM:
        typed = request.args.get(attribute.name, "").strip()
        if not typed:
            continue
        asked.add(attribute.name)
        if typed != UNANSWERED:
            sample.answers[attribute.name] = _value(attribute, typed, sample.problems)
    sample.asked = frozenset(asked)


def _value(attribute: Attribute, typed: str, problems: list[str]) -> Any:
    if attribute.kind is Kind.YES_NO:
        return typed == "yes"
    if attribute.kind is not Kind.NUMBER:
        return typed
    plain = typed.replace(",", "").replace(" ", "")
    if not (plain.isascii() and plain.isdigit() and len(plain) < 16):
        problems.append(f"{attribute.title}: give a whole number.")
        return None
    return int(plain)


def _moment(typed: str, problems: list[str]) -> datetime | None:
    if not typed.strip():
        return None
    try:
        moment = datetime.fromisoformat(typed.strip())
    except ValueError:
        problems.append("The moment must be like 2026-03-02T14:30.")
        return None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:  # at the ends of the calendar another zone may have no such day
        problems.append(f"The moment must lie between {FIRST_YEAR} and {LAST_YEAR}.")
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _where(address: str, country: str, problems: list[str]) -> Whereabouts:
    """From where the sample asks; what is left empty is not known."""
    try:
        address = str(ip_address(address.strip())) if address.strip() else ""
    except ValueError:
        problems.append("The network address must be like 192.0.2.7.")
    country = country.strip()
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        problems.append("The country must be two letters, like CH.")
    return Whereabouts(address, country)


def _tried(version: PolicyVersion, sample: Sample) -> Trial | None:
    if sample.problems or sample.requester is None or sample.plan is None:
        return None
    policies.look_up(sample.app, sample.products, sample.environment.value)
    ask = access.sample_ask(
        requester=sample.requester,
        plan=sample.plan,
        products=sample.products,
        environment=sample.environment,
        app=sample.app,
        answers=sample.answers,
        asked=sample.asked,
        where=sample.where,
        scopes=[scope for scope in request.args.get("scopes", "").replace(",", " ").split() if scope],
    )
    return access.try_policy(version, ask, moment=sample.moment)


def _traces(trial: Trial) -> list[dict[str, Any]]:
    """For each product: every rule with every comparison, what was wanted and what was found."""
    return [
        {
            "product": product,
            "rules": [
                {
                    "key": told.rule.key,
                    "of_team": told.of_team,
                    "counts": told.matched,
                    "result": told.result,
                    "words": words(told.rule.when),
                    "because": told.rule.because,
                    "leaves": [
                        {
                            "wanted": words(leaf.leaf),
                            "found": found_words(leaf.found, REGISTRY.get(leaf.leaf.attribute)),
                            "result": leaf.result,
                        }
                        for leaf in told.leaves
                    ],
                }
                for told in trial.traces[product.id]
            ],
        }
        for product in trial.ask.products
    ]


def _people() -> Sequence[User]:
    """Some who could ask, for those who may look people up."""
    may_see = current_person().may(Right.SEE_USERS)
    return accounts.people_page(role="consumer", size=MOST_PEOPLE) if may_see else []
