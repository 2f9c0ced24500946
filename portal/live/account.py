"""A person's own account: name, roles, password, and where they are signed in."""

from __future__ import annotations

import re
from typing import NamedTuple

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import Length

from portal import access, accounts
from portal.accounts import Right, WebSession
from portal.db import transaction
from portal.errors import Invalid, NotFound
from portal.web import Said, blame, current_person, done, found, public, render, signed_in
from portal.web.account_mails import queue_account_mail
from portal.web.limits import limits, of_account, of_address, times
from portal.web.sessions import own_session, session_lifetime
from portal.web.sign_in import MAILS_FROM_ONE_ADDRESS, MAILS_TO_ONE_ADDRESS
from portal.web.sign_in_forms import NewAddressForm

bp = Blueprint("account", __name__)
BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"))
LINK_IS_DEAD = "This link has been used or replaced by a newer one, or it is too old. Ask for another in your account."
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


class NameForm(FlaskForm):
    """The name that others see."""

    name = StringField("Name", [Said("Enter your name."), Length(max=120)], render_kw={"autocomplete": "name"})


class Place(NamedTuple):
    """One of the person's sessions, as a row of the page."""

    session: WebSession
    device: str
    is_this: bool


@bp.get("/account")
@signed_in
def show(form: NameForm | None = None, status: int = 200) -> ResponseReturnValue:
    """Who I am here, and where I am signed in."""
    person = current_person()
    here = own_session().id_hash
    sessions = accounts.sessions_of(person, idle=session_lifetime())
    places = [Place(s, device_of(s.user_agent), s.id_hash == here) for s in sessions]
    form = form or NameForm(formdata=None, name=person.name)
    waiting = accounts.new_address_of(person)
    return render(
        "live/account/show.html",
        status=status,
        person=person,
        form=form,
        places=places,
        waiting=waiting,
        emergency=person.may(Right.REQUEST_ACCESS) and bool(access.envelopes_for(person)),
    )


@bp.post("/account/name")
@signed_in
def change_name() -> ResponseReturnValue:
    """Change the name that others see."""
    form = NameForm()
    if not form.validate():
        return show(form, 422)
    try:
        with transaction():
            accounts.change_person(current_person(), {"name": form.name.data}, by=current_person())
    except Invalid as error:
        form.name.errors = [error.message]
        return show(form, 422)
    return done(url_for("live.account.show"), "Your name is saved.")


@bp.get("/account/email")
@signed_in
def ask_address() -> ResponseReturnValue:
    """Where one asks for another mail address."""
    return render("live/account/email.html", form=NewAddressForm(formdata=None), person=current_person())


@bp.post("/account/email")
@signed_in
def change_address() -> ResponseReturnValue:
    """Send a link to the new address and a word to the old one. It reads the same whether the new one is taken."""
    limits().count([of_address(times(limits().sign_in, 5), "password")])
    form, person = NewAddressForm(), current_person()
    if not form.validate():
        return render("live/account/email.html", status=422, form=form, person=person)
    mark, wanted = person.fs_uniquifier, form.email.data or ""
    each = [of_account(MAILS_TO_ONE_ADDRESS, "mail", address) for address in (wanted, person.email)]
    limits().count([of_address(MAILS_FROM_ONE_ADDRESS, "mail"), *each])
    try:
        with transaction():
            token = accounts.ask_new_address(person, wanted, seen_as=mark, by=person)
            queue_account_mail(person, "new_address_asked", "Another address for your account", wanted=wanted)
            if token is not None:
                link = {"link_token": token, "to": wanted}
                queue_account_mail(person, "new_address", "Confirm your new address", **link)
            else:
                queue_account_mail(person, "new_address_taken", "Your address was given for an account", to=wanted)
    except Invalid as refusal:
        blame(form, refusal)
        return render("live/account/email.html", status=422, form=form, person=current_person())
    message = f"We have sent a mail to {wanted}. Follow its link to confirm the address. Until then nothing changes."
    return done(url_for("live.account.show"), message)


@bp.post("/account/email/take-back")
@signed_in
def take_back_address() -> ResponseReturnValue:
    """Keep the address as it is: the link that was sent does not work any more."""
    with transaction():
        accounts.take_back_new_address(current_person(), by=current_person())
    return done(url_for("live.account.show"), "Your address stays as it is.")


@bp.get("/account/email/<token>")
@public
def new_address(token: str) -> ResponseReturnValue:
    """The page behind the link in the mail. Programs that look into mails open it too, so it changes nothing."""
    person = accounts.find_by_new_address(token)
    if person is None:
        raise NotFound(LINK_IS_DEAD)
    return render("live/account/new_address.html", address=accounts.new_address_of(person), token=token)


@bp.post("/account/email/<token>")
@public
def confirm_address(token: str) -> ResponseReturnValue:
    """Put the new address in the place of the old one; both are told."""
    person, here = accounts.find_by_new_address(token), own_session()
    if person is None:
        raise NotFound(LINK_IS_DEAD)
    this = here.id_hash if here.user_id == person.id else ""
    with transaction():
        person, before = accounts.take_new_address(token, this_session=this)
        for address in (before, person.email):
            queue_account_mail(person, "address_changed", "Your address has been changed", to=address, before=before)
    message = "Your address is changed. All your other sessions have ended."
    return done(url_for("live.account.show"), message if this else "Your address is changed. Sign in with it.")


@bp.post("/account/sessions/<slug:id_hash>/end")
@signed_in
def end_session(id_hash: str) -> ResponseReturnValue:
    """Sign out in one other place."""
    with transaction():
        ended = accounts.end_session(current_person(), id_hash)
    found(ended or None)
    return done(url_for("live.account.show"), "That session has ended.")


@bp.post("/account/sessions/end-others")
@signed_in
def end_other_sessions() -> ResponseReturnValue:
    """Sign out everywhere but here."""
    with transaction():
        ended = accounts.sign_out_everywhere(current_person(), by=current_person(), but=own_session().id_hash)
    return done(url_for("live.account.show"), f"{ended} other session{'' if ended == 1 else 's'} ended.")


def device_of(user_agent: str) -> str:
    """A browser and system as people call them, from what the browser said of itself."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or re.sub(r"[/ ].*", "", user_agent) or "Unknown browser"
