"""Sign-in, registration and password reset by Flask-Security, with our own pages, mails, records and sessions.

What is Flask-Security's: the flows, their forms' checks, argon2. What is ours: pages (``templates/security``), mails
through the outbox, one transaction for each view, limits, and where people are sent afterwards. It speaks only to
browsers here: no JSON, no tokens in headers, no "remember me".

Its settings and words stand in ``sign_in_settings``, what we put in place of its parts in ``sign_in_seams``, the forms
in ``sign_in_forms``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask, Response, flash, make_response, redirect, render_template, request
from flask_login import user_logged_out
from flask_security import Security, password_changed, password_reset, user_authenticated, user_confirmed
from flask_security.confirmable import confirm_email_token_status
from flask_wtf import FlaskForm
from limits import parse
from sqlalchemy.exc import IntegrityError

from portal import accounts
from portal.accounts import Role, User
from portal.config import Settings
from portal.db import db
from portal.errors import Conflict
from portal.web import sign_in_forms as forms
from portal.web.addresses import own_path, public_url
from portal.web.answers import is_htmx
from portal.web.limits import Counter, limits, of_account, of_address, times
from portal.web.sessions import own_session, register_sessions
from portal.web.sign_in_seams import Mails, Passwords, People, ResetLinks
from portal.web.sign_in_settings import MAIL_TEMPLATES, MESSAGES, configuration
from portal.web.stale_forms import OPEN_TOO_LONG
from portal.web.writing import begin_writing, one_write, writing

MAILS_TO_ONE_ADDRESS = parse("5 per hour")
MAILS_FROM_ONE_ADDRESS = parse("60 per hour")
ASKS_FOR_MAIL = frozenset({"security.forgot_password", "security.send_confirmation"})
FORM_OF: dict[str, tuple[type[FlaskForm], str]] = {
    "security.login": (forms.SignInForm, "security/login_user.html"),
    "security.register": (forms.RegistrationForm, "security/register_user.html"),
    "security.forgot_password": (forms.ResetRequestForm, "security/forgot_password.html"),
    "security.send_confirmation": (forms.ConfirmationRequestForm, "security/send_confirmation.html"),
    "security.reset_password": (forms.NewPasswordForm, "security/reset_password.html"),
}
View = Callable[..., Any]


def register_people(app: Flask, settings: Settings) -> None:
    """Make people known to the application."""
    app.config.update(configuration(settings))
    register_sessions(app, settings)
    security = Security(
        login_form=forms.SignInForm,
        register_form=forms.RegistrationForm,
        forgot_password_form=forms.ResetRequestForm,
        send_confirmation_form=forms.ConfirmationRequestForm,
        reset_password_form=forms.NewPasswordForm,
        change_password_form=forms.PasswordForm,
        mail_util_cls=Mails,
        password_util_cls=Passwords,
        render_template=_render,
    )
    security.init_app(app, People(db, User, Role))
    security.want_json(lambda _request: False)
    security.reset_serializer = ResetLinks()  # type: ignore[assignment]
    words = {"public_url": public_url, "site_name": settings.site_name, "site_url": settings.base_url}
    security.mail_context_processor(lambda: dict(words))
    security.login_manager.request_loader(lambda _request: None)  # no sign-in by header or query
    _leave_out_idlers(app)
    for endpoint in [name for name in app.view_functions if name.startswith("security.")]:
        app.view_functions[endpoint] = _in_our_manner(endpoint, app.view_functions[endpoint])
    for signal, listener in LISTENERS:
        signal.connect(listener, app)


def form_again() -> Response | None:
    """After a token that no longer fits: the same form, what was typed and a fresh token; None for other forms."""
    if request.endpoint not in FORM_OF:
        return None
    kind, template = FORM_OF[request.endpoint]
    form = kind(formdata=request.form)
    form.form_errors.append(OPEN_TOO_LONG)
    token = (request.view_args or {}).get("token")
    return make_response(render_template(template, form=form, reset_password_token=token), 400)


def _in_our_manner(endpoint: str, view: View) -> View:
    """A view of Flask-Security with our limits, in one transaction, ending where people should be."""

    @wraps(view)
    def in_our_manner(**arguments: Any) -> Response:
        if endpoint == "security.confirm_email" and request.method != "POST" and _can_confirm(arguments["token"]):
            return make_response(render_template("security/confirm_email.html", token=arguments["token"]))
        counters = _counters(endpoint) if request.method == "POST" else []
        _hold_back(endpoint, counters)
        try:
            with one_write():
                if endpoint == "security.confirm_email":
                    begin_writing()
                answer = make_response(view(**arguments))
        except (Conflict, IntegrityError):
            if endpoint != "security.register":
                own_session().revert()
                raise
            answer = _registered_just_now()
        except Exception:
            own_session().revert()
            raise
        if endpoint == "security.login" and answer.status_code == 422:
            limits().count(counters)
        if endpoint == "security.logout":
            flash("You are signed out.", "success")
        return _landing(endpoint, answer)

    return in_our_manner


def _can_confirm(token: str) -> bool:
    """Whether the button behind this link would do something; else Flask-Security says why not, and changes nothing."""
    expired, invalid, person = confirm_email_token_status(token)  # type: ignore[no-untyped-call]
    return not expired and not invalid and person is not None


def _landing(endpoint: str, answer: Response) -> Response:
    """Send people on with 303 (htmx: as a whole page), and only to a path of our own."""
    if answer.status_code not in {301, 302, 303}:
        return answer
    target = own_path(answer.location) or "/"
    if endpoint == "security.login" and request.method == "POST":
        target = own_path(request.form.get("next")) or own_path(request.args.get("next")) or "/"
    if is_htmx():
        forwarded = make_response("", 200)
        forwarded.headers["HX-Redirect"] = target
        return forwarded
    return make_response(redirect(target, 303))


def _counters(endpoint: str) -> list[Counter]:
    """What counts as an attempt. Sign-ins count by account *and* network address: no stranger can lock anybody out."""
    account = request.form.get("email", "")
    if endpoint == "security.login":
        item = limits().sign_in
        return [of_account(item, "sign-in", account, from_here=True), of_address(times(item, 5), "sign-in")]
    if endpoint in ASKS_FOR_MAIL or endpoint == "security.register":
        return [of_address(MAILS_FROM_ONE_ADDRESS, "mail"), of_account(MAILS_TO_ONE_ADDRESS, "mail", account)]
    if endpoint in {"security.change_password", "security.reset_password"}:
        return [of_address(times(limits().sign_in, 5), "password")]
    return []


def _hold_back(endpoint: str, counters: list[Counter]) -> None:
    if endpoint == "security.login":
        limits().refuse_when_spent(counters)  # only failures count
    else:
        limits().count(counters)


def _registered_just_now() -> Response:
    """The same answer as to everybody: of two registrations at once, one is stored."""
    flash(MESSAGES["CONFIRM_REGISTRATION"][0] % {"email": request.form.get("email", "")}, "success")
    return make_response(redirect("/login", 303))


def _render(template: str, **context: Any) -> Any:
    """A mail's text, or a page: 422 when the form was refused, and on to the sign-in page when a mail was asked for."""
    if template.startswith(MAIL_TEMPLATES):
        return render_template(template, **context)
    form = next(value for name, value in context.items() if name.endswith("_form") and isinstance(value, FlaskForm))
    status = 200
    if request.method == "POST":
        if request.endpoint in ASKS_FOR_MAIL and not form.errors:
            return redirect("/login", 303)
        _tell_the_owner(form)
        status = 422
    return make_response(render_template(template, form=form, **context), status)


def _tell_the_owner(form: FlaskForm) -> None:
    """Who knows the right password may know why it does not open the door."""
    if not getattr(form, "user_authenticated", False):
        form.form_errors = list(dict.fromkeys(form.form_errors))
    elif form.requires_confirmation:
        form.form_errors = ["Your address is not confirmed yet. Follow the link in our mail, or ask for another below."]
    else:
        form.form_errors = ["This account has been closed. An administrator can open it again."]


def _leave_out_idlers(app: Flask) -> None:
    """Take away what would read the session at every request, files and health checks included, for nothing here.

    Flask-Principal loads the person, whom nobody asks; Flask-Login looks whether "remember me" was ticked.
    """
    before, after = app.before_request_funcs.get(None, []), app.after_request_funcs.get(None, [])
    before[:] = [f for f in before if type(getattr(f, "__self__", None)).__name__ != "Principal"]
    after[:] = [f for f in after if getattr(f, "__name__", "") != "_update_remember_cookie"]


def _signed_in(_app: Flask, user: User, authn_via: list[str] | None = None, **_extra: Any) -> None:
    if "password" in (authn_via or []):
        mark, password_hash = user.fs_uniquifier, user.password
        with writing():
            accounts.sign_in(user, seen_as=mark, password_hash=password_hash)


def _signed_out(_app: Flask, user: Any, **_extra: Any) -> None:
    if user.is_authenticated:
        with writing():
            accounts.sign_out(user)


def _confirmed(_app: Flask, user: User, **_extra: Any) -> None:
    accounts.confirm(user)


def _reset(_app: Flask, user: User, **_extra: Any) -> None:
    accounts.password_changed(user, reason="by a link from a mail")


def _changed(_app: Flask, user: User, **_extra: Any) -> None:
    accounts.password_changed(user)


LISTENERS = (
    (user_authenticated, _signed_in),
    (user_logged_out, _signed_out),
    (user_confirmed, _confirmed),
    (password_reset, _reset),
    (password_changed, _changed),
)
