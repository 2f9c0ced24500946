"""What is asked of a developer app wherever one is made: on its own page, and in the cart."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field, RadioField, StringField, TextAreaField
from wtforms.validators import Length

from portal import apps
from portal.apps import Visibility


def app_name(label: str) -> StringField:
    """The field for an app's name, under the label that its form needs."""
    return StringField(label, validators=[Length(max=apps.LONGEST_NAME)])


def app_description() -> TextAreaField:
    """The field for what an app does."""
    return TextAreaField("Description", validators=[Length(max=apps.LONGEST_DESCRIPTION)])


class AppFields(FlaskForm):
    """Where an app is answered, and who sees it; its name and description are fields of the form's own."""

    redirect_urls = StringField("Redirect URLs", description="Separate several by commas.")
    visibility = RadioField(
        "Visibility",
        choices={
            Visibility.PERSONAL.value: "Personal: only you see it",
            Visibility.ORGANISATION.value: "Organisation: your colleagues see it too",
        },
        default=Visibility.PERSONAL.value,
    )

    def app_values(self, name: Field, description: Field) -> dict[str, Any]:
        """What was said of the app, as the room takes it."""
        return {
            "name": name.data or "",
            "description": description.data or "",
            "redirect_urls": apps.split_urls(self.redirect_urls.data or ""),
            "visibility": Visibility(self.visibility.data or Visibility.PERSONAL),
        }
