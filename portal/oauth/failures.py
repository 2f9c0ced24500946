"""Counting wrong secrets, by client and address, whether the client exists or not (T14)."""

from __future__ import annotations

import hashlib
import math
import time

import structlog
from authlib.oauth2.rfc6749 import OAuth2Error
from limits import RateLimitItem, parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from portal.config import BadSettings
from portal.web.limits import options_of

log = structlog.get_logger(__name__)


class TryLater(OAuth2Error):
    """Too many failures from one address: an error of its kind that says how long to wait (RFC 6585, section 4).

    Who proves itself is let in all the same.
    """

    status_code = 429
    description = "Too many failed attempts. Wait before the next one."

    def __init__(self, seconds: int) -> None:
        super().__init__()
        self.seconds = seconds

    def get_headers(self) -> list[tuple[str, str]]:
        """The headers of the answer, with how long to wait; a challenge is for 401 alone."""
        return [*OAuth2Error.get_headers(self), ("Retry-After", str(self.seconds))]


class Failures:
    """How often a client failed to prove itself from an address; kept where ``rate_limit_storage`` says."""

    def __init__(self, limit: RateLimitItem, storage: str) -> None:
        self._limit = limit
        self._limiter = FixedWindowRateLimiter(storage_from_string(storage, **options_of(storage)))

    def count(self, client_id: str, address: str) -> int:
        """Count one more failure; says how many seconds to wait when there were too many, else 0."""
        who = hashlib.sha256(client_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        try:
            if self._limiter.hit(self._limit, "wrong-secret", who, address):
                return 0
            reset = self._limiter.get_window_stats(self._limit, "wrong-secret", who, address).reset_time
        except StorageError as error:
            log.error("rate_limit_storage_unavailable", error=str(error)[:200])
            return 0  # the secret was wrong and stays wrong; only the counting is lost
        return max(1, math.ceil(reset - time.time()))

    def forget(self) -> None:
        """Forget all failures."""
        self._limiter.storage.reset()


def failures_for(limit: str, storage: str) -> Failures:
    """The counter that the settings describe. Raises BadSettings when they cannot be read."""
    try:
        item = parse(limit)
    except ValueError:
        raise BadSettings(f"PORTICO_TOKEN_LIMIT is not usable: {limit!r} is not like '60 per minute'.") from None
    try:
        return Failures(item, storage)
    except ConfigurationError as error:
        raise BadSettings(f"PORTICO_RATE_LIMIT_STORAGE is not usable: {error}") from None
