"""The form of the cart: for which app, with which credential, in which environment and why."""

from __future__ import annotations

from collections.abc import Sequence

from flask import request
from wtforms import HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import Length

from portal import access, apps
from portal.apps import DeveloperApp
from portal.catalog import Environment
from portal.credentials import Credential
from portal.live import asking
from portal.live.app_fields import AppFields, app_description, app_name

NEW = "new"


class CartForm(AppFields):
    """For which app, with which credential and why. The products and their plan are in the cart itself."""

    seen = HiddenField()
    forms_seen = HiddenField()
    used_again = HiddenField()
    environment = SelectField("Environment", validate_choice=False)
    app = SelectField("Developer app", validate_choice=False)
    app_name = app_name("App name")
    app_description = app_description()
    credential = RadioField("Credential", validate_choice=False, default=NEW)
    credential_name = StringField(
        "Credential name",
        description="For a new credential, to tell it from others.",
        validators=[Length(max=apps.LONGEST_NAME)],
    )
    reason = TextAreaField("Reason", validators=[Length(max=access.LONGEST_REASON)])

    def offer_environments(self, offered: Sequence[Environment]) -> None:
        """Name the environments that all products of the cart have in common; one of them is always chosen."""
        self.environment.choices = {each.value: each.label for each in offered}
        wanted = request.args.get("environment", "")
        if not self.environment.data or not self.is_submitted():
            usual = asking.usual(offered, wanted or self.environment.data or "")
            self.environment.data = usual.value if usual else ""

    def offer_choices(self, owned: Sequence[DeveloperApp], reusable: Sequence[Credential], wanted_app: str) -> None:
        """Name the person's own apps and the credentials that could take these products."""
        self.app_name.flags.required = self.visibility.flags.required = True
        self.app.choices = {str(app.id): app.name for app in owned} | {NEW: "A new app"}
        if self.app.data is None or not self.is_submitted():
            known = (key for key in (wanted_app, self.app.data) if key in self.app.choices)
            self.app.data = next(known, next(iter(self.app.choices)))
        self.credential.choices = {NEW: "A new credential"} | {
            str(c.id): f"{c.name} ({c.client_id}) of {c.app.name}" for c in reusable
        }
        if not self.is_submitted() and self.credential.data not in self.credential.choices:
            self.credential.data = NEW
