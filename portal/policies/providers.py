"""Attributes that other systems know: an installation's own, asked before a decision and never during one (C125).

A file names each provider, where it is asked and what it tells. Its attributes join the registry at the start.
``look_up`` asks, outside any transaction; what was told is kept for a while, and a decision reads only what is kept.
A provider that is slow, away or talks nonsense makes its attributes unknown, which never loosens anything (I8).
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from portal.db import in_transaction
from portal.policies.attributes import REGISTRY, Attribute, Kind, Source
from portal.policies.facts import forget_readers
from portal.policies.provider_http import NoAnswer, ask_json
from portal.policies.rules import forget_policies
from portal.policies.stages import KEY

log = structlog.get_logger(__name__)
KINDS = {kind.value: kind for kind in (Kind.TEXT, Kind.CHOICE, Kind.NUMBER, Kind.YES_NO, Kind.TEXT_SET)}
MOST_KEPT, AGAIN_AFTER = 5_000, 30.0
LONGEST_TIMEOUT, LEAST_KEPT = 10.0, 60.0


@dataclass(frozen=True)
class Provider:
    """A system outside, and what it tells. ``inside`` says that its address may be a private one."""

    name: str
    url: str
    attributes: tuple[Attribute, ...]
    timeout: float = 2.0
    keep: float = 300.0
    inside: bool = False
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Subject:
    """What is asked about: one product for one app there. No person is named to anybody outside."""

    app_id: int
    app_name: str
    organisation: str
    product: str
    environment: str

    @property
    def key(self) -> tuple[int, str, str]:
        """By what an answer is kept."""
        return self.app_id, self.product, self.environment


class Providers:
    """The providers of this process, with what they have told."""

    def __init__(self) -> None:
        self.all: tuple[Provider, ...] = ()
        self.hosts: frozenset[str] = frozenset()
        self.context: ssl.SSLContext | None = None
        self._kept: OrderedDict[tuple[str, int, str, str], tuple[float, Mapping[str, Any]]] = OrderedDict()
        self._lock = threading.Lock()

    def install(self, providers: Sequence[Provider], hosts: frozenset[str]) -> None:
        """Use exactly these providers from now on, and let rules name what they tell."""
        if not providers and not self.all:
            return
        self.all, self.hosts = tuple(providers), hosts
        REGISTRY.join(attribute for provider in self.all for attribute in provider.attributes)
        forget_readers()
        forget_policies()
        with self._lock:
            self._kept.clear()

    def look_up(self, subjects: Sequence[Subject]) -> None:
        """Ask for what is not known of these. Raises RuntimeError within a transaction: it may take seconds."""
        if not self.all or not subjects:
            return
        if in_transaction():
            raise RuntimeError("A system outside is never asked within a transaction.")
        for provider in self.all:
            wanted = [subject for subject in subjects if self._found(provider, subject) is None]
            if wanted:
                self._ask(provider, wanted)

    def facts_of(self, key: tuple[int, str, str]) -> dict[str, Any]:
        """What is known of this app, product and environment now; nobody is asked."""
        facts: dict[str, Any] = {}
        for provider in self.all:
            entry = self._kept.get((provider.name, *key))
            if entry is not None and entry[0] > time.monotonic():
                facts |= entry[1]
        return facts

    def _found(self, provider: Provider, subject: Subject) -> Mapping[str, Any] | None:
        entry = self._kept.get((provider.name, *subject.key))
        return entry[1] if entry is not None and entry[0] > time.monotonic() else None

    def _ask(self, provider: Provider, subjects: Sequence[Subject]) -> None:
        first = subjects[0]
        question = {
            "app": {"id": first.app_id, "name": first.app_name},
            "organisation": first.organisation,
            "environment": first.environment,
            "products": [subject.product for subject in subjects],
        }
        try:
            answer = ask_json(
                provider.url,
                question,
                hosts=self.hosts,
                timeout=provider.timeout,
                inside=provider.inside,
                token=provider.token,
                context=self.context,
            )
            told = answer.get("products") if isinstance(answer, Mapping) else None
            if not isinstance(told, Mapping):
                raise NoAnswer("The answer has no object 'products'.")
            until = time.monotonic() + max(provider.keep, LEAST_KEPT)
        except NoAnswer as problem:
            log.warning("provider_failed", provider=provider.name, problem=str(problem))
            told, until = {}, time.monotonic() + AGAIN_AFTER
        names = {attribute.name for attribute in provider.attributes}
        with self._lock:
            for subject in subjects:
                facts = told.get(subject.product)
                known = {n: v for n, v in facts.items() if n in names} if isinstance(facts, Mapping) else {}
                self._kept[(provider.name, *subject.key)] = (until, known)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)


PROVIDERS = Providers()


def read_providers(file: Path) -> list[Provider]:
    """The providers that a file describes. Raises ValueError with a sentence when it cannot be used."""
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise ValueError(f"{file} cannot be read as JSON ({str(problem)[:120]}).") from problem
    listed = raw.get("providers") if isinstance(raw, dict) else None
    if not isinstance(listed, list):
        raise ValueError(f"{file} must be an object with a list 'providers'.")
    found = [_provider(each, file.parent) for each in listed]
    names = [attribute.name for provider in found for attribute in provider.attributes]
    if len({provider.name for provider in found}) < len(found) or len(set(names)) < len(names):
        raise ValueError("Each provider and each of its attributes needs a name of its own.")
    return found


def _provider(raw: Any, folder: Path) -> Provider:
    if not isinstance(raw, dict) or not isinstance(name := raw.get("name"), str) or not KEY.fullmatch(name):
        raise ValueError("A provider needs a short name of small letters, digits, - and _.")
    known = {"name", "url", "attributes", "timeout_seconds", "keep_seconds", "inside", "token_file"}
    if unknown := raw.keys() - known:
        raise ValueError(f"The provider {name} has an unknown field '{min(unknown)}'.")
    if not str(raw.get("url", "")).startswith("https://"):
        raise ValueError(f"The provider {name} must be asked over https.")
    timeout, keep = raw.get("timeout_seconds", 2), raw.get("keep_seconds", 300)
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and n > 0 for n in (timeout, keep)):
        raise ValueError(f"The times of the provider {name} must be numbers of seconds above 0.")
    if timeout > LONGEST_TIMEOUT:
        raise ValueError(f"The provider {name} may be waited for at most {LONGEST_TIMEOUT:g} seconds.")
    attributes = tuple(_attribute(each, name) for each in raw.get("attributes") or ())
    if not attributes:
        raise ValueError(f"The provider {name} must name the attributes that it tells.")
    token = _token(folder / raw["token_file"], name) if raw.get("token_file") else ""
    return Provider(name, raw["url"], attributes, float(timeout), float(keep), raw.get("inside") is True, token)


def _attribute(raw: Any, provider: str) -> Attribute:
    if not isinstance(raw, dict) or not isinstance(title := raw.get("title"), str) or not title.strip():
        raise ValueError(f"Each attribute of the provider {provider} needs 'name', 'title' and 'kind'.")
    name, kind = str(raw.get("name", "")), KINDS.get(str(raw.get("kind")))
    if not name.startswith(f"{provider}.") or not KEY.fullmatch(name.removeprefix(f"{provider}.")):
        raise ValueError(f"'{name}' must begin with '{provider}.', followed by a short name.")
    if name in REGISTRY.shipped:
        raise ValueError(f"Portico has an attribute {name} of its own.")
    if kind is None:
        raise ValueError(f"{name} must be of the kind {', '.join(KINDS)}.")
    values = tuple(map(str, raw.get("values") or ()))
    if (kind is Kind.CHOICE) != bool(values):
        raise ValueError(f"{name}: a choice needs its 'values', and nothing else has them.")
    return Attribute(name, kind, title.strip()[:120], Source.PROVIDER, values[-1] if values else "", "", values)


def _token(file: Path, name: str) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as problem:
        raise ValueError(f"The token of the provider {name} cannot be read: {problem.strerror}.") from problem
