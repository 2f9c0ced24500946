"""The decision which stages a request must pass, with the reason for each: what is in force, applied to an ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from portal.accounts import User
from portal.apps import DeveloperApp
from portal.catalog import ApiProduct, Environment, Plan
from portal.db import now
from portal.policies.attributes import UNLIMITED
from portal.policies.changes import instant_variants, possible_changes, variant_sentence
from portal.policies.evaluate import BASE_STAGE, PLAN_DECIDES, Ruling, StageNeed, WholeRuling, combine, judge
from portal.policies.facts import form_facts, requests_a_day, time_facts
from portal.policies.providers import PROVIDERS, Subject
from portal.policies.rules import Outcome
from portal.policies.stages import SHIPPED_STAGES, StageTemplate
from portal.policies.versions import InForce, in_force, stage_templates
from portal.policies.whereabouts import Whereabouts, whereabouts_of


@dataclass(frozen=True)
class History:
    """What the app was told before about a product, how much it has, and of what, by the products' short names.

    ``products`` are those that it holds, suspended or not, and those of its other requests that are under way.
    """

    approved: frozenset[int] = frozenset()
    rejected: frozenset[int] = frozenset()
    grants: int = 0
    products: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Ask:
    """What is asked for, by whom and for what: all that a policy may look at.

    ``answers`` are those of the request form, by the attributes that they feed; ``asked`` are the attributes for which
    the form has a field at all. ``app`` is None as long as it has not been chosen. ``where`` is from where they
    ask; None is what the web has said of this person.
    """

    requester: User
    plan: Plan
    products: Sequence[ApiProduct]
    environment: Environment = Environment.TEST
    app: DeveloperApp | None = None
    scopes: Mapping[int, Sequence[str]] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    history: History = History()
    kind: str = "new"
    where: Whereabouts | None = None


@dataclass(frozen=True)
class StageSpec:
    """A stage that a request needs: what it is called, why, when, and how it is staffed."""

    key: str
    name: str
    because: str
    position: int
    template: Mapping[str, Any] = field(default_factory=dict)
    product_ids: tuple[int, ...] = ()
    becauses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What a request needs. No stages: it is approved at once; or it is denied, and nobody can approve it."""

    stages: tuple[StageSpec, ...]
    because: str
    denied: bool = False
    policy_version: str = ""
    facts: tuple[dict[str, Any], ...] = ()
    matched: tuple[dict[str, Any], ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def is_automatic(self) -> bool:
        """Whether nobody has to answer."""
        return not self.stages and not self.denied

    @property
    def outcome(self) -> str:
        """``auto``, ``deny`` or ``stages``."""
        return "deny" if self.denied else "stages" if self.stages else "auto"


def decide(ask: Ask) -> Decision:
    """What is needed for this ask, by the policies in force and the plan as they are now.

    The owner's stage is one for each set of owners among the products; they answer side by side.
    """
    force = in_force(product.id for product in ask.products)
    facts = {product.id: facts_for(ask, product) for product in ask.products}
    rulings, specs, whole = rule_on_ask(ask, force, facts, stage_templates())
    return Decision(
        stages=tuple(specs),
        because=" ".join(_said(because, ask.plan) for because in whole.becauses),
        denied=whole.outcome is Outcome.DENY,
        policy_version=_labels(force),
        facts=tuple(facts.values()),
        matched=tuple(
            {
                "product": str(product.id),
                "policy": force.version_id,
                "team": force.team_ids.get(product.id),
                **rulings[str(product.id)].as_json(),
            }
            for product in ask.products
        ),
        errors=whole.errors,
    )


def rule_on_ask(
    ask: Ask, force: InForce, facts: Mapping[int, Mapping[str, Any]], templates: Mapping[str, StageTemplate]
) -> tuple[dict[str, Ruling], list[StageSpec], WholeRuling]:
    """What these policies say of an ask on these facts: of each product by its key, the stages, and of the whole."""
    rulings = {
        str(product.id): judge(force.policy, facts[product.id], team=force.teams.get(product.id), templates=templates)
        for product in ask.products
    }
    whole = combine(rulings)
    return rulings, _specs(whole, ask, templates), whole


def facts_for(ask: Ask, product: ApiProduct, moment: datetime | None = None) -> dict[str, Any]:
    """The facts about one product of an ask, as plain values that can be kept and judged again."""
    requester, plan, organisation = ask.requester, ask.plan, ask.requester.organisation
    app = ask.app
    facts: dict[str, Any] = {
        "requester.email_domain": requester.email.rpartition("@")[2],
        "requester.roles": sorted(requester.role_names),
        "organisation.kind": organisation.kind.value,
        "organisation.name": organisation.name,
        "organisation.has_sponsor": organisation.sponsor_id is not None,
        "product.slug": product.slug,
        "product.category": product.category,
        "product.tags": list(product.tags),
        "product.classification": product.classification.value,
        **data_facts(product),
        "product.lifecycle": product.state.value,
        "product.auth_method": product.auth_method.value,
        **plan_facts(plan),
        "request.kind": ask.kind,
        "scopes": list(ask.scopes.get(product.id, plan.scopes_for(product))),
        "history.approved_before": product.id in ask.history.approved,
        "history.rejected_before": product.id in ask.history.rejected,
        **form_facts({"auth_method": product.auth_method.value, **ask.answers}, ask.asked | {"auth_method"}),
        **time_facts(moment or now(), product.zone),
        "environment": ask.environment.value,
    }
    if app is not None:
        facts["app.visibility"] = app.visibility.value
        facts["app.age_days"] = (now() - app.created_at).days
        facts["app.grants"] = ask.history.grants
        beside = {other.slug for other in ask.products if other.id != product.id}
        facts["app.products"] = sorted(ask.history.products | beside)
        facts |= PROVIDERS.facts_of((app.id, product.slug, ask.environment.value))
    return facts | (ask.where or whereabouts_of(requester)).facts()


def asks_outside() -> bool:
    """Whether there is anybody outside to ask."""
    return bool(PROVIDERS.all)


def look_up(app: DeveloperApp | None, products: Sequence[ApiProduct], environment: str) -> None:
    """Ask the providers what a decision on this will need. Never within a transaction, and quick when all is known."""
    if app is None or not PROVIDERS.all:
        return
    organisation = app.organisation.name
    PROVIDERS.look_up([Subject(app.id, app.name, organisation, each.slug, environment) for each in products])


def instantly(ask: Ask, plans: Sequence[Plan] = ()) -> str:
    """What small change would make this ask automatic, in a sentence; empty when there is none.

    ``plans`` are the other plans on which all of its products are offered.
    """
    force = in_force(product.id for product in ask.products)
    facts = [facts_for(ask, product) for product in ask.products]
    teams = [force.teams.get(product.id) for product in ask.products]

    def is_automatic(tried: Sequence[Mapping[str, Any]]) -> bool:
        return all(judge(force.policy, each, team=team).is_automatic for each, team in zip(tried, teams, strict=True))

    environments = [e.value for e in Environment if all(e in product.environments for product in ask.products)]
    others = {plan.display_name: plan_facts(plan) for plan in plans if plan.id != ask.plan.id}
    changes = possible_changes(facts, [force.policy, *force.teams.values()], environments=environments, plans=others)
    return variant_sentence(instant_variants(is_automatic, facts, changes))


def data_facts(product: ApiProduct) -> dict[str, Any]:
    """What a product says of the law and the places of its data; what it does not state is unknown, and so stricter."""
    return {
        "product.legal_basis": product.legal_basis.value if product.legal_basis is not None else None,
        "product.regions": list(product.regions) or None,
        "product.leaves_eea": product.leaves_eea if product.regions else None,
    }


def plan_facts(plan: Plan) -> dict[str, Any]:
    """What a policy may look at of a plan."""
    return {
        "plan.slug": plan.slug,
        "plan.auto_approve": plan.auto_approve,
        "plan.quota": requests_a_day(plan.quota_requests, plan.quota_period),
        "plan.credential_lifetime_days": plan.credential_lifetime_days or UNLIMITED,
    }


def explain(plan: Plan) -> str:
    """What asking for this plan will involve, in a sentence for the person who is about to ask."""
    if plan.auto_approve:
        return "Approved at once: the credential is ready as soon as you submit."
    return "Needs the owner’s approval. You will get an email with the decision."


def _specs(whole: WholeRuling, ask: Ask, templates: Mapping[str, StageTemplate]) -> list[StageSpec]:
    found: list[StageSpec] = []
    for need in whole.stages:
        wanted = [product for product in ask.products if str(product.id) in need.products]
        template = templates.get(need.key) or SHIPPED_STAGES[BASE_STAGE]
        if need.key == BASE_STAGE:
            found += _owner_specs(wanted, need, template, ask.plan)
        else:
            ids = tuple(product.id for product in wanted)
            found.append(_spec(need, template, template.name, ids, ask.plan))
    return found


def _owner_specs(
    products: Sequence[ApiProduct], need: StageNeed, template: StageTemplate, plan: Plan
) -> list[StageSpec]:
    """One stage for each set of owners among the products."""
    groups: dict[frozenset[int], list[ApiProduct]] = {}
    for product in products:
        groups.setdefault(frozenset(owner.id for owner in product.owners), []).append(product)
    specs = []
    for owned in groups.values():
        names = ", ".join(product.name for product in owned)
        name = template.name if len(groups) == 1 else f"{names} {template.name.lower()}"
        specs.append(_spec(need, template, name, tuple(product.id for product in owned), plan))
    return specs


def _spec(need: StageNeed, template: StageTemplate, name: str, ids: tuple[int, ...], plan: Plan) -> StageSpec:
    becauses = tuple(_said(because, plan) for because in need.becauses)
    return StageSpec(need.key, name[:120], " ".join(becauses), need.position, template.as_json(), ids, becauses)


def _said(because: str, plan: Plan) -> str:
    """A sentence about "the plan" with the name of this one."""
    return because.replace("The plan ", f"{plan.display_name} ", 1) if because in PLAN_DECIDES.values() else because


def _labels(force: InForce) -> str:
    return ", ".join([label for label in (force.label, *force.team_labels.values()) if label])[:120]
