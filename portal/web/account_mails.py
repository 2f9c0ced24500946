"""Mails about one's own account that no view of Flask-Security sends. Their texts: ``templates/emails/account``."""

from __future__ import annotations

from typing import Any

from flask import current_app, render_template

from portal import accounts
from portal.accounts import User
from portal.web.addresses import public_url
from portal.web.sign_in_settings import MAIL_TEMPLATES


def queue_account_mail(person: User, name: str, subject: str, *, to: str = "", **words: Any) -> None:
    """Put the mail of this name in the outbox, in the caller's transaction: to the person, or ``to`` somewhere else."""
    settings = current_app.config["PORTICO"]
    context = {"user": person, "public_url": public_url, "site_name": settings.site_name, "site_url": settings.base_url}
    text, html = (
        render_template(f"{MAIL_TEMPLATES}{name}.{kind}", to=to or person.email, **context, **words)
        for kind in ("txt", "html")
    )
    accounts.queue_mail(person, name=name, subject=subject, text=text, html=html, to=to)
