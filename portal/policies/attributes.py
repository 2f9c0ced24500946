"""What a policy may ask about: the registry of attributes, each with its type, its values and where it comes from.

A rule reads these and nothing else (C124). A value that is not known is simply missing from the facts, and that is
never an advantage for the requester: see ``conditions``. Attributes that a request form may leave out have a value of
their own for that, ``NOT_ASKED``. It is known, unlike a question that was asked and not answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

NOT_ASKED = "not_asked"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
UNLIMITED = 10**12  # the number that stands for "no limit", so that "at least" is true of it


# Values as sentences say them, where they are not said as they are written.
_METHOD_WORDS = {
    "oauth2_client_credentials": "OAuth 2.0 client credentials",
    "api_key": "API key",
    "jwt": "JWT",
    "basic": "basic authentication",
    "custom": "custom authentication",
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "environment": {"dev": "development", "prod": "production"},
    "exposure": {"internal": "internal data", "customer": "customer data", "sensitive": "sensitive data"},
    "access_level": {"read": "read only", "write": "read and write", "admin": "administration"},
    "request.kind": {
        "break_glass": "emergency access",
        "plan_change": "a change of plan",
        "renewal": "a renewal",
        "reapproval": "a re-approval",
    },
    "time.weekday": dict(
        zip(WEEKDAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True)
    ),
    "product.auth_method": _METHOD_WORDS,
    "auth_method": _METHOD_WORDS,
    "requester.roles": {"api_owner": "API owner"},
    "product.legal_basis": {"not_personal": "not personal data"},
}
_CODES = frozenset({"product.regions", "network.country"})  # of countries: compared in any case, said in capitals


class Kind(StrEnum):
    """What the value of an attribute is."""

    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"
    YES_NO = "yes_no"
    TEXT_SET = "text_set"
    MOMENT = "moment"
    NETWORK = "network"


class Source(StrEnum):
    """Where the value of an attribute comes from."""

    REQUESTER = "the requester"
    ORGANISATION = "the app’s organisation"
    APP = "the developer app"
    PRODUCT = "the API product"
    PLAN = "the plan"
    REQUEST = "the request"
    FORM = "the request form"
    HISTORY = "earlier requests"
    CLOCK = "the clock, in the product’s time zone"
    NETWORK = "the requester’s network address, when the installation looks at it"
    PROVIDER = "an external system"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One thing that a rule may ask about.

    ``values`` are the possible ones where they are few; ``least`` and ``most`` bound a number. ``any_case`` texts are
    compared without regard to case. ``phrase`` is how a sentence names it.
    """

    name: str
    kind: Kind
    title: str
    source: Source
    example: object
    phrase: str = ""
    values: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    any_case: bool = True

    def __post_init__(self) -> None:
        if self.may_be_unasked and self.kind in (Kind.TEXT_SET, Kind.MOMENT, Kind.NETWORK):
            raise ValueError(f"{self.name}: a form cannot give a {self.kind}.")

    @property
    def may_be_unasked(self) -> bool:
        """Whether the value may be ``NOT_ASKED``, because the form leaves the question out."""
        return self.source is Source.FORM

    def word_for(self, value: str) -> str:
        """How a sentence says one of the values: "production", not "prod"."""
        if value == NOT_ASKED and self.may_be_unasked:
            return "not asked"
        known = _WORDS.get(self.name, {})
        if value in known:
            return known[value]
        if self.name in _CODES:
            return value.upper()
        return value.replace("_", " ") if self.kind is Kind.CHOICE or self.name in _WORDS else value

    @property
    def said(self) -> str:
        """How a sentence names the attribute."""
        return self.phrase or f"the {self.title[0].lower()}{self.title[1:]}"


class Registry(Mapping[str, Attribute]):
    """The attributes by their names. Changes at the start alone, when an installation's own attributes join it."""

    __hash__ = object.__hash__

    def __init__(self, attributes: Iterable[Attribute]) -> None:
        self._shipped = {attribute.name: attribute for attribute in attributes}
        self._by_name = dict(self._shipped)

    @property
    def shipped(self) -> frozenset[str]:
        """The names of the attributes that come with Portico."""
        return frozenset(self._shipped)

    def join(self, own: Iterable[Attribute]) -> None:
        """Let exactly these attributes of an installation's providers be known beside the shipped ones (C125)."""
        self._by_name = {**{attribute.name: attribute for attribute in own}, **self._shipped}

    def __getitem__(self, name: str) -> Attribute:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


def _text(name: str, title: str, source: Source, example: str, phrase: str = "", *, any_case: bool = True) -> Attribute:
    return Attribute(name, Kind.TEXT, title, source, example, phrase, any_case=any_case)


def _choice(name: str, title: str, source: Source, *values: str, phrase: str = "") -> Attribute:
    return Attribute(name, Kind.CHOICE, title, source, values[-1], phrase, values)


def _number(
    name: str, title: str, source: Source, example: int, phrase: str = "", most: int | None = None
) -> Attribute:
    return Attribute(name, Kind.NUMBER, title, source, example, phrase, least=0, most=most)


def _yes_no(name: str, title: str, source: Source, phrase: str) -> Attribute:
    return Attribute(name, Kind.YES_NO, title, source, True, phrase)


def _set(name: str, title: str, source: Source, *example: str, phrase: str, any_case: bool) -> Attribute:
    return Attribute(name, Kind.TEXT_SET, title, source, example, phrase, any_case=any_case)


_METHODS = ("oauth2_client_credentials", "api_key", "basic", "custom")

REGISTRY = Registry(
    [
        _text("requester.email_domain", "Email domain of the requester", Source.REQUESTER, "example.com"),
        _set(
            "requester.roles",
            "Roles of the requester",
            Source.REQUESTER,
            "consumer",
            phrase="the requester’s roles",
            any_case=False,
        ),
        _choice("organisation.kind", "Kind of organisation", Source.ORGANISATION, "internal", "partner", "vendor"),
        _text("organisation.name", "Name of the organisation", Source.ORGANISATION, "Acme"),
        _yes_no(
            "organisation.has_sponsor",
            "Organisation has a sponsor",
            Source.ORGANISATION,
            "the organisation has a sponsor",
        ),
        _choice("app.visibility", "Visibility of the app", Source.APP, "personal", "organisation"),
        _number("app.age_days", "Age of the app in days", Source.APP, 30, "the app’s age in days"),
        _number(
            "app.grants",
            "APIs that the app can already use",
            Source.APP,
            3,
            "the number of APIs that the app can already use",
        ),
        _set(
            "app.products",
            "Products that the app has, or asks for",
            Source.APP,
            "payments",
            phrase="what the app has or asks for",
            any_case=True,
        ),
        _text("product.slug", "Short name of the product", Source.PRODUCT, "payments", "the product"),
        _text("product.category", "Category of the product", Source.PRODUCT, "Finance"),
        _set(
            "product.tags",
            "Tags of the product",
            Source.PRODUCT,
            "personal data",
            phrase="the product’s tags",
            any_case=True,
        ),
        _choice(
            "product.classification",
            "Classification of the product",
            Source.PRODUCT,
            "public",
            "internal",
            "confidential",
            "restricted",
        ),
        _choice(
            "product.legal_basis",
            "Legal basis of the product’s data",
            Source.PRODUCT,
            "not_personal",
            "consent",
            "contract",
            "legal_obligation",
            "vital_interests",
            "public_task",
            "legitimate_interests",
        ),
        _set(
            "product.regions",
            "Regions of the product’s data",
            Source.PRODUCT,
            "CH",
            phrase="the product’s regions",
            any_case=True,
        ),
        _yes_no(
            "product.leaves_eea",
            "Data outside the European Economic Area",
            Source.PRODUCT,
            "the product’s data is kept or processed outside the EEA",
        ),
        _choice("product.lifecycle", "Lifecycle of the product", Source.PRODUCT, "published", "deprecated"),
        _choice("product.auth_method", "Authentication that the product uses", Source.PRODUCT, *_METHODS),
        _text("plan.slug", "Short name of the plan", Source.PLAN, "gold", "the plan"),
        _yes_no("plan.auto_approve", "Plan approves by itself", Source.PLAN, "the plan approves by itself"),
        _number("plan.quota", "Requests a day that the plan allows", Source.PLAN, 10_000, "the plan’s requests a day"),
        _number(
            "plan.credential_lifetime_days",
            "Days that the plan’s credentials live",
            Source.PLAN,
            90,
            "the life of the plan’s credentials in days",
        ),
        _choice(
            "request.kind",
            "Kind of request",
            Source.REQUEST,
            "break_glass",
            "renewal",
            "plan_change",
            "reapproval",
            "new",
        ),
        _set("scopes", "Scopes that are asked for", Source.REQUEST, "orders:read", phrase="the scopes", any_case=False),
        _choice("environment", "Environment", Source.REQUEST, "dev", "test", "prod"),
        _choice("auth_method", "Authentication that is asked for", Source.FORM, "none", "jwt", *_METHODS),
        _choice("audience", "Users, internal or external", Source.FORM, "internal", "external", phrase="the audience"),
        _choice(
            "exposure",
            "Data that could be exposed",
            Source.FORM,
            "none",
            "internal",
            "customer",
            "sensitive",
            phrase="the data exposure",
        ),
        _choice("access_level", "Level of access", Source.FORM, "read", "write", "admin"),
        _number(
            "expected_volume", "Expected requests a day", Source.FORM, 5_000, "the expected number of requests a day"
        ),
        _yes_no("personal_data", "Personal data is processed", Source.FORM, "personal data is processed"),
        _yes_no(
            "history.approved_before",
            "App was approved for this product before",
            Source.HISTORY,
            "the app was approved for this product before",
        ),
        _yes_no(
            "history.rejected_before",
            "App was rejected for this product before",
            Source.HISTORY,
            "the app was rejected for this product before",
        ),
        _number("time.hour", "Hour of the day", Source.CLOCK, 14, most=23),
        _choice("time.weekday", "Day of the week", Source.CLOCK, *WEEKDAYS),
        Attribute(
            "time.local",
            Kind.MOMENT,
            "Local time",
            Source.CLOCK,
            "2026-03-02T14:30+01:00",
            "the time at the product’s place",
        ),
        Attribute(
            "network.address",
            Kind.NETWORK,
            "Network address",
            Source.NETWORK,
            "192.0.2.7",
            "the requester’s network address",
        ),
        _text("network.country", "Country of the network address", Source.NETWORK, "CH", "the requester’s country"),
    ]
)
