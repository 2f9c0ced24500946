"""Putting Portico together; the only module that knows everything."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Flask, g
from flask_bootstrap import Bootstrap5
from flask_login import current_user
from werkzeug.middleware.proxy_fix import ProxyFix

import admin
from portal import access, api, events, live, oauth, policies, web
from portal.accounts import Right
from portal.config import BadSettings, Settings, load
from portal.db import db, is_sqlite, keep_private, now, prepare_engine
from portal.mail import MailChannel
from portal.paths import data_path
from portal.web import limits, observe, sign_in
from portal.web.answers import htmx
from portal.web.csrf import csrf, guard_forms
from portal.web.machines import Portico

bootstrap = Bootstrap5()

MOST_BYTES_IN_A_REQUEST = 24 * 1024 * 1024
MOST_BYTES_IN_A_FORM_FIELD = 2 * 1024 * 1024
MOST_PARTS_IN_A_FORM = 1000


def create_app(settings: Settings | None = None) -> Flask:
    """A Portico application. Raises BadSettings when a setting is wrong or missing."""
    settings = settings or load()
    app = Portico(
        __name__,
        template_folder=str(data_path("templates")),
        static_folder=str(data_path("static")),
        static_url_path="/static",
    )
    app.config.from_mapping(_flask_config(settings))
    _believe_proxies(app, settings)
    observe.configure_logging(settings)
    _set_up_database(app, settings)
    bootstrap.init_app(app)
    htmx.init_app(app)
    web.register_converters(app)
    web.register_names(app)
    web.register_sizes(app)
    web.register_drawing(app)
    web.register_observation(app)
    web.count_requests(app)
    limits.register_limits(app, settings)
    sign_in.register_people(app, settings)
    web.hold_the_door(app)
    web.register_whereabouts(app, settings)
    guard_forms(app)
    csrf.exempt(oauth.bp)
    csrf.exempt(api.bp)
    app.register_blueprint(live.bp)
    if settings.keeps_mail and (settings.demo or settings.testing):
        app.register_blueprint(live.mailbox.bp)
    app.register_blueprint(admin.bp)
    app.register_blueprint(oauth.bp)
    app.register_blueprint(api.bp)
    app.open_to_machines(api.PATH)
    oauth.set_up(app, settings)
    app.register_blueprint(web.operations)
    web.register_error_pages(app)
    web.register_headers(app)
    register_channels(settings)
    access.follow_changes()
    _install_providers(settings)
    _register_context(app, settings)
    return app


def _install_providers(settings: Settings) -> None:
    """Let policies ask about what other systems know, as far as the operator has set any up."""
    hosts = frozenset(host.strip().lower() for host in settings.provider_hosts.split(",") if host.strip())
    try:
        found = policies.read_providers(settings.providers_file) if settings.providers_file else []
    except ValueError as problem:
        raise BadSettings(f"PORTICO_PROVIDERS_FILE is not usable: {problem}") from None
    for provider in found:
        if urlsplit(provider.url).hostname not in hosts:
            raise BadSettings(f"PORTICO_PROVIDER_HOSTS does not name the host of the provider {provider.name}.")
    policies.PROVIDERS.install(found, hosts)


def _flask_config(settings: Settings) -> dict[str, Any]:
    return {
        "PORTICO": settings,
        "SECRET_KEY": settings.secret_key,
        "TESTING": settings.testing,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": _engine_options(settings),
        "BOOTSTRAP_SERVE_LOCAL": True,
        "MAX_CONTENT_LENGTH": MOST_BYTES_IN_A_REQUEST,
        "MAX_FORM_MEMORY_SIZE": MOST_BYTES_IN_A_FORM_FIELD,
        "MAX_FORM_PARTS": MOST_PARTS_IN_A_FORM,
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session lives: a long form does not lose its text
        "WTF_CSRF_SSL_STRICT": False,  # portal.web.csrf asks instead
        "PREFERRED_URL_SCHEME": "https" if settings.is_secure else "http",
        "SESSION_COOKIE_NAME": "__Host-portico" if settings.is_secure else "portico",
        "SESSION_COOKIE_SECURE": settings.is_secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
    }


def _believe_proxies(app: Flask, settings: Settings) -> None:
    """Take client address and scheme from the proxies in front, if there are any, and nothing else from anybody."""
    if settings.trusted_proxies:
        trusted = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=trusted, x_proto=trusted, x_host=0, x_port=0, x_prefix=0
        )


def _engine_options(settings: Settings) -> dict[str, Any]:
    if is_sqlite(settings.database_url):
        return {"connect_args": {"timeout": 15}, "hide_parameters": True}
    return {"hide_parameters": True, "pool_pre_ping": True, "pool_size": 5, "max_overflow": 10, "pool_timeout": 10}


class _LateMigrate:
    """Flask-Migrate, once somebody asks for it: a web process never does, and starts the sooner for it."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        from flask_migrate import Migrate

        migrate = Migrate(render_as_batch=True, compare_type=True)
        migrate.init_app(self._app, db, directory=str(data_path("migrations")))  # takes this one's place
        return getattr(self._app.extensions["migrate"], name)


def _set_up_database(app: Flask, settings: Settings) -> None:
    if is_sqlite(settings.database_url):
        settings.instance_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        keep_private(settings.database_url)
    db.init_app(app)
    app.extensions["migrate"] = _LateMigrate(app)
    with app.app_context():
        prepare_engine(db.engine)


def register_channels(settings: Settings) -> None:
    """Tell events where messages go, in this process: the channels of the application that was made last."""
    events.name_messages_after(urlsplit(settings.base_url).hostname or "")
    events.register(MailChannel(settings))


def _register_context(app: Flask, settings: Settings) -> None:
    @app.context_processor
    def every_page() -> dict[str, Any]:
        person = current_user if current_user and current_user.is_authenticated else None
        shops = person is not None and person.may(Right.REQUEST_ACCESS)
        return {
            "site_name": settings.site_name,
            "demo": settings.demo,
            "now": now(),
            "request_id": g.get("request_id", ""),
            "cart_count": access.cart_count(person) if person is not None and shops else 0,
            "may_request": shops,
            "admin_menu": admin.menu(person) if person is not None else [],
            "page_url": web.page_url,
            "Right": Right,
        }
