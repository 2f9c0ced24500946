"""How often something may be tried. Counters live where PORTICO_RATE_LIMIT_STORAGE says: by default in each process.

While a shared storage is away, each process counts for itself: nobody is kept out, and no guess goes uncounted.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import structlog
from flask import Flask, current_app, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import RateLimitItem, parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, RateLimiter
from werkzeug.exceptions import TooManyRequests

from portal.config import BadSettings, Settings

log = structlog.get_logger(__name__)
_EXTENSION = "portico_limits"
_ANSWER_WITHIN_SECONDS = 2
Counter = tuple[RateLimitItem, tuple[str, ...]]
Answer = TypeVar("Answer")


class Limits:
    """The counters of one application. Off in tests, unless a test turns them on."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self.enabled = not settings.testing
        self._limiter = _limiter(app, settings.rate_limit_storage)
        self._spare = FixedWindowRateLimiter(MemoryStorage())
        self.sign_in = _parsed("PORTICO_SIGN_IN_LIMIT", settings.sign_in_limit)

    def refuse_when_spent(self, counters: Iterable[Counter]) -> None:
        """Answer 429 when one of these counters is at its end."""
        for item, names in counters if self.enabled else ():
            if not self._has_room(item, names):
                raise self._too_many(item, names)

    def count(self, counters: Iterable[Counter]) -> None:
        """Count one attempt; answer 429 when it is one too many."""
        for item, names in counters if self.enabled else ():
            if not self._hit(item, names):
                raise self._too_many(item, names)

    def reset(self) -> None:
        """Forget all attempts."""
        self._limiter.reset()
        self._spare.storage.reset()

    def _has_room(self, item: RateLimitItem, names: tuple[str, ...]) -> bool:
        return self._ask(lambda kept: kept.test(item, *names))

    def _hit(self, item: RateLimitItem, names: tuple[str, ...]) -> bool:
        return self._ask(lambda kept: kept.hit(item, *names))

    def _too_many(self, item: RateLimitItem, names: tuple[str, ...]) -> TooManyRequests:
        ends = self._ask(lambda kept: kept.get_window_stats(item, *names).reset_time)
        return TooManyRequests(retry_after=max(1, round(ends - time.time())))

    def _ask(self, question: Callable[[RateLimiter], Answer]) -> Answer:
        try:
            return question(self._limiter.limiter)
        except StorageError as error:
            log.error("rate_limit_storage_unavailable", error=str(error)[:200])
            return question(self._spare)


def register_limits(app: Flask, settings: Settings) -> None:
    """Give the application its counters. Raises BadSettings for a limit that cannot be read."""
    app.extensions[_EXTENSION] = Limits(app, settings)


def limits() -> Limits:
    """The counters of the application in use."""
    found: Limits = current_app.extensions[_EXTENSION]
    return found


def of_address(item: RateLimitItem, what: str) -> Counter:
    """The counter of what comes from this network address."""
    return item, (what, request.remote_addr or "unknown")


def of_account(item: RateLimitItem, what: str, account: str, *, from_here: bool = False) -> Counter:
    """The counter of what is done to this account: by anybody, or only ``from_here``, this network address."""
    names = (what, hashlib.sha256(account.strip().lower().encode("utf-8", "replace")).hexdigest()[:32])
    return item, (*names, request.remote_addr or "unknown") if from_here else names


def times(item: RateLimitItem, factor: int) -> RateLimitItem:
    """The same limit, more generous."""
    return type(item)(item.amount * factor, item.multiples)


def options_of(storage: str) -> dict[str, Any]:
    """How a storage is used: it fails with StorageError, and soon, for somebody waits."""
    options: dict[str, Any] = {"wrap_exceptions": True}
    if storage.startswith(("redis", "valkey")):
        options |= {"socket_connect_timeout": _ANSWER_WITHIN_SECONDS, "socket_timeout": _ANSWER_WITHIN_SECONDS}
    return options


def _limiter(app: Flask, storage: str) -> Limiter:
    try:
        return Limiter(get_remote_address, app=app, storage_uri=storage, storage_options=options_of(storage))
    except ConfigurationError:
        package = "pymemcache" if storage.startswith("memcached") else "redis"
        raise BadSettings(
            f"PORTICO_RATE_LIMIT_STORAGE is not usable: the package for it is missing (pip install {package})."
        ) from None


def _parsed(name: str, text: str) -> RateLimitItem:
    try:
        return parse(text)
    except ValueError:
        raise BadSettings(f'{name} is not usable: write it like "20 per 5 minutes".') from None
