"""What a cart has to fill in, whether it is complete, and how a request shows afterwards what was answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from portal.accounts import User
from portal.catalog import ApiProduct, Environment
from portal.db import now
from portal.forms.attachments import attachment_ids, files_of, named_files, versions_of
from portal.forms.check import Weighed, is_shown, missing_for, weigh
from portal.forms.definitions import forms_by_id
from portal.forms.fields import Feed, Field, FieldType
from portal.forms.merging import fed, merge, narrowed
from portal.forms.models import Attachment, FormDefinition


@dataclass(frozen=True)
class Fault:
    """What is missing or wrong at one field (C56)."""

    field: str
    label: str
    message: str


@dataclass(frozen=True)
class Ask:
    """Everything that is asked beside the plain cart, for these products in this environment."""

    forms: tuple[FormDefinition, ...]
    fields: tuple[Field, ...]
    environment: str

    @property
    def form_ids(self) -> list[int]:
        """The versions that are asked; a request keeps them."""
        return [form.id for form in self.forms]

    @property
    def own_fields(self) -> list[Field]:
        """The fields that the form itself shows: the environment is asked by the cart."""
        return [field for field in self.fields if field.feeds is not Feed.ENVIRONMENT]


@dataclass(frozen=True)
class Answer:
    """One answered field, for reading: a text, a link or files.

    One that was used again has the day on which it was given and the number of the request for which it was.
    """

    label: str
    text: str = ""
    url: str = ""
    at: str = ""
    files: tuple[Attachment, ...] = ()
    needed_by: tuple[str, ...] = ()
    day: date | None = None
    number: str = ""

    @property
    def given_on(self) -> date | None:
        """The day on which a link was given."""
        return date.fromisoformat(self.at[:10]) if self.at else None


@dataclass(frozen=True)
class FilledForm:
    """What was answered, with the versions of the forms that asked for it (C9)."""

    names: tuple[str, ...]
    answers: tuple[Answer, ...]


def ask(forms: Iterable[FormDefinition], products: Iterable[ApiProduct] = (), *, environment: str = "") -> Ask:
    """The forms as one, with only those choices that all products allow."""
    versions = tuple(forms)
    fields = merge(form.questions for form in versions)
    return Ask(versions, tuple(narrowed(fields, _limits(list(products)))), environment)


def weigh_answers(asked: Ask, raw: Mapping[str, Any], *, by: User) -> Weighed:
    """What stands and what is missing. Files are believed only when this person has handed them in."""
    given = {**raw, **{f.key: asked.environment for f in asked.fields if f.feeds is Feed.ENVIRONMENT}}
    held = files_of(attachment_ids(raw), by=by)
    for field in asked.fields:
        value = given.get(field.key)
        if field.type is FieldType.FILE:
            named = attachment_ids({"": value if isinstance(value, list) else []})
            given[field.key] = [held[number].reference() for number in dict.fromkeys(named) if number in held]
        elif field.type is FieldType.LINK and value:
            given[field.key] = _stamped(value)
    return weigh(asked.fields, given, given={Feed.ENVIRONMENT.value: asked.environment})


def faults(asked: Ask, found: Weighed) -> list[Fault]:
    """What is missing or wrong, field by field, in the order of the form."""
    labels = {field.key: field.label for field in asked.fields}
    return [Fault(key, labels[key], message) for key, message in found.errors.items()]


def still_missing(stage: str, form_ids: Sequence[int], answers: Mapping[str, Any], *, environment: str) -> list[str]:
    """The labels of the fields without which this review stage cannot be approved (C18, C21)."""
    asked = ask(forms_by_id(form_ids), environment=environment)
    return missing_for(stage, asked.fields, answers, given={Feed.ENVIRONMENT.value: environment})


def told_by(form_ids: Sequence[int], answers: Mapping[str, Any]) -> dict[str, Any]:
    """What the answers tell an approval policy, by attribute."""
    return fed(ask(forms_by_id(form_ids)).fields, answers) if form_ids else {}


def filled(
    form_ids: Sequence[int],
    answers: Mapping[str, Any],
    *,
    environment: str = "",
    origins: Mapping[str, Mapping[str, str]] | None = None,
) -> FilledForm | None:
    """The answers under the questions of the versions that asked them; None when nothing was asked.

    ``origins`` says of answers that were used again on which day (``on``) and for which request (``in``) they were
    given.
    """
    if not form_ids:
        return None
    before = origins or {}
    asked = ask(forms_by_id(form_ids), environment=environment)
    given = {Feed.ENVIRONMENT.value: environment}
    shown = [field for field in asked.own_fields if is_shown(field, answers, given)]
    return FilledForm(
        tuple(form.label for form in asked.forms),
        tuple(_told(field, answers.get(field.key), before.get(field.key, {})) for field in shown),
    )


def conditions_of(fields: Iterable[Field]) -> dict[str, tuple[str, str, str]]:
    """For each conditional field: the key of the one that decides, its label, and the answers in words.

    What the cart itself asks is called ``environment``.
    """
    known = {field.key: field for field in fields}
    found = {}
    for field in known.values():
        if (condition := field.shown_if) is None:
            continue
        other = known.get(condition.field)
        labels = {choice.value: choice.label for choice in other.choices} if other else {}
        words = [labels.get(answer) or _environment(answer) for answer in condition.answers]
        by_cart = other is None or other.feeds is Feed.ENVIRONMENT
        key, label = (Feed.ENVIRONMENT.value, "Environment") if by_cart or other is None else (other.key, other.label)
        found[field.key] = (key, label, " or ".join(words))
    return found


def _environment(answer: str) -> str:
    return Environment(answer).label if answer in set(Environment) else answer.capitalize()


def _limits(products: Sequence[ApiProduct]) -> dict[Feed, set[str]]:
    if not products:
        return {}
    environments = set.intersection(*(set(product.environments) for product in products))
    methods = set.intersection(*({product.auth_method.value} for product in products))
    return {Feed.ENVIRONMENT: environments} | ({Feed.AUTH_METHOD: methods} if methods else {})


def _stamped(value: Any) -> Any:
    """A link with the time at which it was given."""
    parts = value if isinstance(value, Mapping) else {"url": value}
    return {"at": now().isoformat(timespec="seconds"), **parts}


def _told(field: Field, value: Any, origin: Mapping[str, str]) -> Answer:
    """The answer for reading, with what is known of it."""
    number = origin.get("in", "")
    day = date.fromisoformat(origin["on"]) if number else None
    return replace(_read(field, value), needed_by=field.needed_by, day=day, number=number)


def _read(field: Field, value: Any) -> Answer:
    if value is None:
        return Answer(field.label)
    if field.type is FieldType.FILE:
        return Answer(field.label, files=tuple(version for file in named_files(value) for version in versions_of(file)))
    if field.type is FieldType.LINK:
        return Answer(field.label, text=value["title"], url=value["url"], at=str(value.get("at", "")))
    return Answer(field.label, text=_text(field, value))


def _text(field: Field, value: Any) -> str:
    if field.type is FieldType.CHOICE:
        return next((choice.label for choice in field.choices if choice.value == value), str(value))
    if field.type is FieldType.YES_NO:
        return "Yes" if value else "No"
    if field.type is FieldType.NUMBER:
        return f"{value:,}"
    if field.type is FieldType.DATE:
        day = date.fromisoformat(str(value))
        return f"{day.day} {day:%b %Y}"
    return str(value)
