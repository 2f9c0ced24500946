"""Loading the demo catalogue and its people from ``catalog_seed/``. Loading it again changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from flask_security.utils import hash_password
from rich.progress import track

from portal import access, accounts, catalog, policies
from portal.accounts import OrganisationKind, RoleName, User
from portal.catalog import AuthMethod, Classification, Environment, PlanState, ProductState
from portal.db import transaction
from portal.paths import data_path

DEMO_PASSWORD = "portico-demo"


def load_demo(*, progress: bool = False) -> str:
    """Make what is missing of the demo people, plans, products and catalogues; says in a sentence what was made."""
    folder = data_path("catalog_seed")
    everybody = _read(folder / "people.yaml")
    people = _load_people(everybody)
    _load_groups(everybody["groups"])
    plans = _load_plans(_read(folder / "plans.yaml"))
    products = _load_products(sorted((folder / "products").iterdir()), progress)
    catalogues = _load_catalogues(_read(folder / "catalogues.yaml"))
    _load_envelopes(_read(folder / "break_glass.yaml"))
    policy = _load_policy(everybody["policy"])
    if not any((people, plans, products, catalogues, policy)):
        return "The demo data is already there."
    return f"Made {products} products, {plans} plans, {catalogues} catalogues and {people} people."


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _load_people(entries: dict[str, Any]) -> int:
    made = 0
    with transaction():
        known = {organisation.name for organisation in accounts.organisations()}
        new = [entry for entry in entries["organisations"] if entry["name"] not in known]
        for entry in new:
            if entry.get("default"):
                accounts.default_organisation()
            accounts.organisation_named(entry["name"]).kind = OrganisationKind(entry.get("kind", "internal"))
        for entry in entries["people"]:
            if accounts.find_person_by_email(entry["email"]) is None:
                accounts.add_person(
                    entry["email"],
                    name=entry["name"],
                    roles=[RoleName(role) for role in entry["roles"]],
                    organisation=accounts.organisation_named(entry["organisation"]),
                    password_hash=hash_password(DEMO_PASSWORD),
                )
                made += 1
        for entry in new:
            if entry.get("sponsor"):
                accounts.organisation_named(entry["name"]).sponsor = _person(entry["sponsor"])
    return made


def _load_groups(entries: list[dict[str, Any]]) -> None:
    with transaction():
        for entry in entries:
            if accounts.find_group(entry["key"]) is None:
                group = accounts.add_group(entry["key"], name=entry["name"], description=entry["description"], by=None)
                accounts.set_members(group, [_person(email) for email in entry["members"]], by=None)


def _load_policy(entry: dict[str, str]) -> bool:
    """Put the policy in force as people do: one drafts it, another activates it. Not where there ever was one."""
    if policies.policy_versions():
        return False
    shipped = policies.shipped_policies()[entry["shipped"]]
    with transaction():
        author, approver = _person(entry["author"]), _person(entry["approver"])
        draft = policies.create_draft(shipped.rules_json, name=shipped.name, note=shipped.description, by=author)
        policies.ask_activation(draft, by=author, revision=draft.version)
        policies.activate(draft, by=approver, revision=draft.version, in_place_of=None)
    return True


def _load_plans(entries: list[dict[str, Any]]) -> int:
    made = 0
    with transaction():
        known = {plan.slug for plan in catalog.plans()}
        for entry in entries:
            if entry["slug"] not in known:
                catalog.create_plan(_plan_values(entry), by=None)
                made += 1
    return made


def _plan_values(entry: dict[str, Any]) -> dict[str, Any]:
    quota, rate, allowance = entry.get("quota") or {}, entry.get("rate_limit") or {}, entry.get("allowance") or {}
    return {
        "slug": entry["slug"],
        "name": entry["name"],
        "display_name": entry["display_name"],
        "description": entry["description"],
        "quota_requests": quota.get("requests"),
        "quota_period": quota.get("period", "month"),
        "rate_requests": rate.get("requests"),
        "rate_seconds": rate.get("seconds", 1),
        "credential_lifetime_days": entry.get("credential_lifetime_days"),
        "token_lifetime_seconds": entry["token_lifetime_seconds"],
        "scopes": entry.get("scopes", []),
        "auto_approve": entry["auto_approve"],
        "reason_required": entry["reason_required"],
        "allowance_requests": allowance.get("requests"),
        "allowance_days": allowance.get("days", 30),
        "state": PlanState(entry["state"]),
    }


def _load_products(folders: list[Path], progress: bool) -> int:
    shown = track(folders, description="Demo products", transient=True, disable=not progress)
    return sum(_load_product(folder) for folder in shown if (folder / "product.yaml").exists())


def _load_product(folder: Path) -> bool:
    entry = _read(folder / "product.yaml")
    if catalog.find_product_by_slug(entry["slug"]) is not None:
        return False
    documents = [(catalog.read_description(path.read_bytes()), path.name) for path in _descriptions(folder)]
    with transaction():
        product = catalog.create_product(_product_values(entry, folder), by=None)
        for document, name in documents:
            catalog.attach_description(product, document, name, by=None)
    return True


def _descriptions(folder: Path) -> Iterator[Path]:
    return (path for name in ("openapi.yaml", "swagger.json") if (path := folder / name).exists())


def _product_values(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {
        "slug": entry["slug"],
        "name": entry["name"],
        "summary": entry["summary"],
        "description": (folder / "overview.md").read_text(encoding="utf-8"),
        "category": entry["category"],
        "tags": entry["tags"],
        "auth_method": AuthMethod(entry["authentication"]),
        "base_url": entry["base_url"],
        "scopes": entry["scopes"],
        "state": ProductState(entry["state"]),
        "featured": entry["featured"],
        "owners": [_person(email) for email in entry["owners"]],
        "classification": Classification(entry.get("classification", "internal")),
        "legal_basis": entry.get("legal_basis"),
        "regions": entry.get("regions", []),
    }


def _person(email: str) -> User:
    person = accounts.find_person_by_email(email)
    if person is None:
        raise ValueError(f"The seed names {email}, who is not in people.yaml.")
    return person


def _load_catalogues(entries: list[dict[str, Any]]) -> int:
    made = 0
    with transaction():
        known = {catalogue.slug for catalogue in catalog.catalogues()}
        for entry in entries:
            if entry["slug"] not in known:
                catalog.create_catalogue(
                    {
                        "slug": entry["slug"],
                        "name": entry["name"],
                        "description": entry["description"],
                        "products": [catalog.find_product_by_slug(slug) for slug in entry["products"]],
                        "plans": [plan for plan in catalog.plans() if plan.slug in entry["plans"]],
                    },
                    by=None,
                )
                made += 1
    return made


def _load_envelopes(entries: list[dict[str, Any]]) -> None:
    with transaction():
        known = {envelope.name for envelope in access.envelopes()}
        for entry in entries:
            product = catalog.find_product_by_slug(entry["product"])
            plan = next((plan for plan in catalog.plans() if plan.slug == entry["plan"]), None)
            if entry["name"] not in known and product is not None and plan is not None and product.is_requestable:
                access.set_envelope(
                    access.EnvelopeTerms(
                        name=entry["name"],
                        product=product,
                        plan=plan,
                        environment=Environment(entry["environment"]),
                        scopes=entry["scopes"],
                        most_minutes=entry["most_minutes"],
                        people=[_person(email) for email in entry["people"]],
                    ),
                    by=_person(entry["set_by"]),
                )
