"""Emergency access: at once, for the people whom an envelope names, with their password and a review to follow."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange

from portal import access, apps
from portal.access import Envelope
from portal.accounts import Right, User
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.web import WholeNumber, blame, current_person, done, found, render, requires
from portal.web.password_again import PasswordAgainForm

bp = Blueprint("emergency", __name__)


class EmergencyForm(PasswordAgainForm):
    """For which app, for how long, and why; with the password."""

    app = SelectField("Developer app", [InputRequired("Choose one of your apps.")])
    minutes = WholeNumber("Minutes")
    reason = TextAreaField("Reason", [InputRequired("Say what the emergency is."), Length(max=access.LONGEST_REASON)])
    what_for = "emergency access"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fields["password"] = self._fields.pop("password")  # last on the page, so last among what is wrong

    def offer(self, envelope: Envelope, person: User) -> None:
        """Let the person's own apps be chosen, and minutes within the envelope."""
        within = f"Enter a whole number between 1 and {envelope.most_minutes}."
        self.minutes.validators = [InputRequired(within), NumberRange(1, envelope.most_minutes, within)]
        self.app.choices = [SelectChoice(str(app.id), app.name) for app in apps.apps_of(person)]
        self.minutes.flags.required = True


@bp.get("/emergency-access")
@requires(Right.REQUEST_ACCESS)
def index() -> ResponseReturnValue:
    """What this person may have in an emergency; there is no such page for people whom no envelope names."""
    person = current_person()
    envelopes = found(access.envelopes_for(person) or None)
    return render(
        "live/emergency/index.html", envelopes=envelopes, bar=access.bar_of(person), debt=access.debt_of(person)
    )


@bp.get("/emergency-access/<key:envelope_id>")
@requires(Right.REQUEST_ACCESS)
def show(envelope_id: int) -> ResponseReturnValue:
    """The form, with what will be given and what follows from it."""
    return _show(_own(envelope_id), EmergencyForm(formdata=None))


@bp.post("/emergency-access/<key:envelope_id>")
@requires(Right.REQUEST_ACCESS)
def take(envelope_id: int) -> ResponseReturnValue:
    """Give the access at once, tell everybody, and lead to the app, where the secret can be revealed."""
    envelope, form = _own(envelope_id), EmergencyForm()
    form.offer(envelope, current_person())
    if not form.validate():
        return _show(envelope, form, status=422)
    app_id = int(form.app.data)
    app = found(apps.find_app(app_id, seen_by=current_person()))
    reason, minutes = form.reason.data or "", form.minutes.data or 0
    try:
        with transaction():
            asked = access.break_glass(
                envelope, app, by=current_person(), reason=reason, minutes=minutes, step_up=form.proved_by
            )
            name, number, credential_id = app.name, asked.number, asked.credential_id
    except (Conflict, Invalid) as refusal:
        blame(form, refusal)
        return _show(_own(envelope_id), form, status=409 if isinstance(refusal, Conflict) else 422)
    message = f"{name} has emergency access now. Reveal the secret here. Somebody else will review {number}."
    return done(url_for("live.apps.show", app_id=app_id, _anchor=f"credential-{credential_id}"), message)


def _show(envelope: Envelope, form: EmergencyForm, *, status: int = 200) -> ResponseReturnValue:
    person = current_person()
    form.offer(envelope, person)
    return render(
        "live/emergency/show.html",
        status=status,
        envelope=envelope,
        form=form,
        bar=access.bar_of(person),
        debt=access.debt_of(person),
    )


def _own(envelope_id: int) -> Envelope:
    """The open envelope, if it names this person: for others it does not exist."""
    mine = [envelope for envelope in access.envelopes_for(current_person()) if envelope.id == envelope_id]
    return found(mine[0] if mine else None)
