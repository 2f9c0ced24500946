"""Settings, read once from the environment (``PORTICO_*``) or a ``.env`` file.

A wrong or missing setting stops the start with one plain sentence; see ``load``.
"""

from __future__ import annotations

import re
import secrets
from email.utils import parseaddr
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from portal.db import normal_url

KNOWN_BAD_SECRETS = frozenset({"dev", "secret", "changeme", "change-me", "portico", "development", "test", "default"})
MINIMUM_SECRET_LENGTH = 32
DATABASES = frozenset({"postgresql", "sqlite"})
LONGEST_NOTICE_DAYS = 90  # as long as fired timers are remembered: an older one could fire again
MOST_NOTICES = 8
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
STORAGES = frozenset({"memory", "redis", "rediss", "redis+unix", "redis+sentinel", "redis+cluster", "memcached"})


class BadSettings(Exception):
    """A setting is wrong or missing; the text names it and the way out."""


class Settings(BaseSettings):
    """Everything an operator can set; the README lists each one but ``testing``, which is for the tests alone."""

    model_config = SettingsConfigDict(env_prefix="PORTICO_", env_file=".env", extra="ignore", hide_input_in_errors=True)

    database_url: str = ""
    secret_key: str = ""
    base_url: str = "http://127.0.0.1:8000"
    site_name: str = "Portico"
    demo: bool = False
    testing: bool = False
    four_eyes: bool = False
    providers_file: Path | None = None
    provider_hosts: str = ""

    mail_server: str = ""
    mail_port: int = Field(25, ge=1, le=65535)
    mail_username: str = ""
    mail_password: str = ""
    mail_use_tls: bool = False
    mail_use_ssl: bool = False
    mail_from: str = "Portico <no-reply@portico.example>"
    mail_timeout_seconds: int = Field(20, ge=1)

    signing_key: str = ""
    signing_key_file: Path | None = None
    signing_algorithm: Literal["ES256", "RS256"] = "ES256"
    signing_key_days: int = Field(0, ge=0)
    encryption_key: str = ""
    leak_reporters_file: Path | None = None

    instance_dir: Path = Path("instance")
    log_format: Literal["console", "json"] = "console"
    log_level: str = "INFO"
    web_processes: int = Field(1, ge=1)
    trusted_proxies: int = Field(0, ge=0)
    requester_addresses: bool = False
    country_header: str = ""
    client_certificate_header: str = ""
    client_certificate_proxies: str = "127.0.0.1, ::1"
    rate_limit_storage: str = "memory://"
    sign_in_limit: str = "20 per 5 minutes"
    token_limit: str = "60 per minute"
    expiry_notice_days: str = "30,14,7,1"
    unclaimed_remind_days: int = Field(7, ge=1, le=365)
    unclaimed_revoke_days: int = Field(14, ge=2, le=730)
    session_idle_minutes: int = Field(8 * 60, ge=1)
    session_absolute_hours: int = Field(24 * 7, ge=1)
    metrics_public: bool = False

    @field_validator("base_url")
    @classmethod
    def _absolute(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0 or parts.query:
            raise ValueError("must be an absolute http or https address, such as https://portal.example.com")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        if not value:
            return value
        try:
            url = make_url(normal_url(value))
        except ArgumentError:
            url = None
        if url is None or url.get_backend_name() not in DATABASES:
            raise ValueError("must be a PostgreSQL or SQLite address, such as postgresql://user@host/name")
        return normal_url(value)

    @field_validator("client_certificate_header", "country_header")
    @classmethod
    def _header(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,60}", value, re.ASCII):
            raise ValueError("must be the name of a header, such as X-Client-Certificate")
        return value

    @field_validator("client_certificate_proxies")
    @classmethod
    def _proxies(cls, value: str) -> str:
        try:
            _networks(value)
        except ValueError:
            raise ValueError("must be addresses or networks, such as 127.0.0.1, 10.0.0.0/24") from None
        return value

    @field_validator("expiry_notice_days")
    @classmethod
    def _notices(cls, value: str) -> str:
        if not 0 < len(_days(value)) <= MOST_NOTICES:
            raise ValueError(
                "must be up to eight numbers of days from 1 to 90, the first the largest, such as 30,14,7,1"
            )
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        address = parseaddr(value)[1]
        local, _, domain = address.rpartition("@")
        if not (local and domain and value.isprintable()) or "@" in local or " " in address:
            raise ValueError("must be a mail address, such as Portico <no-reply@portal.example.com>")
        return value

    @field_validator("rate_limit_storage")
    @classmethod
    def _storage(cls, value: str) -> str:
        if urlsplit(value).scheme not in STORAGES:
            raise ValueError("must be memory:// or the address of a shared store, such as redis://localhost:6379")
        return value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in LOG_LEVELS:
            raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
        return value.upper()

    @model_validator(mode="after")
    def _one_way_to_encrypt(self) -> Settings:
        if self.mail_use_tls and self.mail_use_ssl:
            raise ValueError("PORTICO_MAIL_USE_TLS and PORTICO_MAIL_USE_SSL exclude each other: set one of them.")
        return self

    @model_validator(mode="after")
    def _proxy_for_certificates(self) -> Settings:
        if self.client_certificate_header and not (self.trusted_proxies and self.certificate_proxies):
            raise ValueError(
                "PORTICO_CLIENT_CERTIFICATE_HEADER needs a proxy that sets it: set PORTICO_TRUSTED_PROXIES to 1 "
                "or more, and PORTICO_CLIENT_CERTIFICATE_PROXIES to its address."
            )
        return self

    @model_validator(mode="after")
    def _proxy_for_countries(self) -> Settings:
        if self.country_header and not (self.trusted_proxies and self.requester_addresses):
            raise ValueError(
                "PORTICO_COUNTRY_HEADER needs a proxy that sets it, and PORTICO_REQUESTER_ADDRESSES: set "
                "PORTICO_TRUSTED_PROXIES to 1 or more, and PORTICO_REQUESTER_ADDRESSES=1."
            )
        return self

    @model_validator(mode="after")
    def _reminder_before_the_end(self) -> Settings:
        if self.unclaimed_revoke_days <= self.unclaimed_remind_days:
            raise ValueError("PORTICO_UNCLAIMED_REVOKE_DAYS must be more than PORTICO_UNCLAIMED_REMIND_DAYS.")
        return self

    @cached_property
    def certificate_proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Who may say which certificate a client has shown."""
        return _networks(self.client_certificate_proxies)

    @cached_property
    def notice_days(self) -> tuple[int, ...]:
        """How many days before access ends its owner hears of it, the earliest notice first."""
        return _days(self.expiry_notice_days)

    @property
    def keeps_mail(self) -> bool:
        """Whether mails are kept for /dev/mailbox because no mail server is set."""
        return not self.mail_server

    @property
    def is_secure(self) -> bool:
        """Whether people reach the portal over TLS."""
        return self.base_url.startswith("https://")


def load(**overrides: object) -> Settings:
    """The settings in force. Raises BadSettings with one sentence for each setting that is wrong."""
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise BadSettings("; ".join(_sentence(dict(e)) for e in error.errors())) from None
    settings.instance_dir = settings.instance_dir.absolute()
    if not settings.database_url:
        settings.database_url = f"sqlite:///{settings.instance_dir / 'portico.sqlite3'}"
    if not settings.secret_key:
        settings.secret_key = _demo_secret(settings)
    _refuse_weak_secret(settings)
    return settings


def leaves_out(name: str) -> bool:
    """Whether neither the environment nor the .env file says anything about this setting."""
    try:
        return name not in Settings().model_fields_set
    except ValidationError:
        return False  # ``load`` says what is wrong


def _days(text: str) -> tuple[int, ...]:
    """The days in a list with commas; none when it is not one in falling order."""
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[1-9][0-9]?", part, re.ASCII) for part in parts):
        return ()
    days = [int(part) for part in parts]
    in_order = days == sorted(set(days), reverse=True) and days[0] <= LONGEST_NOTICE_DAYS
    return tuple(days) if in_order else ()


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks in a list with commas. Raises ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _sentence(error: dict[str, object]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    location = error.get("loc")
    if not location:
        return message  # about several settings, which it names
    return f"PORTICO_{str(location[0]).upper()} is not usable: {message}"  # type: ignore[index]


def _demo_secret(settings: Settings) -> str:
    """A secret made once and kept in the instance folder; only the demo may do without a configured one."""
    path = settings.instance_dir / "secret_key"
    if not (settings.demo or settings.testing):
        raise BadSettings(
            "PORTICO_SECRET_KEY is missing: set it to a random text of 32 or more characters "
            '(for instance the output of: python -c "import secrets; print(secrets.token_urlsafe(48))").'
            + (f" To work on the demo in {settings.instance_dir}, set PORTICO_DEMO=1 instead." if path.exists() else "")
        )
    settings.instance_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text().strip()


def _refuse_weak_secret(settings: Settings) -> None:
    if settings.testing:
        return
    if len(settings.secret_key) < MINIMUM_SECRET_LENGTH or settings.secret_key.lower() in KNOWN_BAD_SECRETS:
        raise BadSettings(
            f"PORTICO_SECRET_KEY is too weak: use a random text of {MINIMUM_SECRET_LENGTH} or more characters."
        )
