"""Sign-in, registration and password reset by Flask-Security, with our own pages, mails, records and sessions.

What is Flask-Security's: the flows, their forms' checks, argon2. What is ours: pages (``templates/security``), mails
through the outbox, one transaction for each view, limits, and where people are sent afterwards. It speaks only to
browsers here: no JSON, no tokens in headers, no "remember me".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from flask import Flask, Response, flash, make_response, redirect, render_template, request
from flask_login import user_logged_out
from flask_security import (
    Security,
    SQLAlchemyUserDatastore,
    password_changed,
    password_reset,
    user_authenticated,
    user_confirmed,
)
from flask_security.mail_util import EmailValidateException, MailUtil
from flask_security.password_util import PasswordUtil
from flask_wtf import FlaskForm
from itsdangerous import BadSignature, SignatureExpired
from limits import parse
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal import accounts
from portal.accounts import Role, User
from portal.config import Settings
from portal.db import db, now
from portal.errors import Conflict, Invalid
from portal.web import sign_in_forms as forms
from portal.web.addresses import own_path, public_url
from portal.web.answers import is_htmx
from portal.web.limits import Counter, limits, of_account, of_address, times
from portal.web.sessions import own_session, register_sessions
from portal.web.writing import begin_writing, one_write, writing

RESET_WITHIN = timedelta(hours=1)
CONFIRM_WITHIN = timedelta(days=2)
MAILS_TO_ONE_ADDRESS = parse("5 per hour")
MAILS_FROM_ONE_ADDRESS = parse("60 per hour")
MAIL_TEMPLATES = "emails/account/"
ASKS_FOR_MAIL = frozenset({"security.forgot_password", "security.send_confirmation"})
FORM_OF: dict[str, tuple[type[FlaskForm], str]] = {
    "security.login": (forms.SignInForm, "security/login_user.html"),
    "security.register": (forms.RegistrationForm, "security/register_user.html"),
    "security.forgot_password": (forms.ResetRequestForm, "security/forgot_password.html"),
    "security.send_confirmation": (forms.ConfirmationRequestForm, "security/send_confirmation.html"),
    "security.reset_password": (forms.NewPasswordForm, "security/reset_password.html"),
}
View = Callable[..., Any]


class People(SQLAlchemyUserDatastore):
    """Flask-Security's way to people. It never commits: the view's one transaction does (``portal.web.writing``)."""

    def commit(self) -> None:
        """Nothing: see the class."""

    def find_user(self, case_insensitive: bool = False, **kwargs: Any) -> User | None:
        """The person with this one attribute; addresses are stored in lower case."""
        ((name, value),) = kwargs.items()
        return db.session.scalars(select(User).where(getattr(User, name) == value)).unique().one_or_none()

    def create_user(self, **kwargs: Any) -> User:
        """A new consumer whose address is yet to be confirmed. Fields beyond these three are not looked at."""
        begin_writing()
        return accounts.add_person(
            kwargs["email"], name=kwargs.get("name", ""), password_hash=kwargs["password"], confirmed=False
        )


class Mails(MailUtil):
    """Mails about the account: into the outbox, in the transaction of what they tell."""

    def send_mail(
        self,
        template: str,
        subject: str,
        recipient: str | tuple[str, str],
        sender: str | tuple[str, str],
        body: str | None,
        html: str | None,
        **context: Any,
    ) -> None:
        """Queue the mail for the person whom it is about."""
        begin_writing()
        kind = "account." + template.removeprefix(MAIL_TEMPLATES)
        accounts.queue_mail(context["user"], kind=kind, subject=subject, text=body or "", html=html or "")

    def normalize(self, email: str) -> str:
        """The address in its one normal form."""
        try:
            return accounts.normal_address(email)
        except Invalid as error:
            raise EmailValidateException(error.message) from None

    validate = normalize


class Passwords(PasswordUtil):
    """Which passwords are accepted: the rules of the accounts room."""

    def normalize(self, password: str) -> str:
        """The password as it is hashed."""
        return accounts.normal_password(password)

    def validate(self, password: str, is_register: bool, **kwargs: Any) -> tuple[list[str] | None, str]:
        """What is wrong with a new password, and its normal form."""
        person = kwargs.get("user")
        email = kwargs.get("email") or getattr(person, "email", "")
        name = kwargs.get("name") or getattr(person, "name", "")
        problems = accounts.password_problems(password, email=email or "", name=name or "")
        return problems or None, accounts.normal_password(password)


class ResetLinks:
    """Takes the place of Flask-Security's signed reset tokens, which a newer one or a sign-in does not end."""

    def dumps(self, data: list[str]) -> str:
        """A new reset for the person with this mark."""
        begin_writing()
        person = db.session.scalars(select(User).where(User.fs_uniquifier == data[0])).unique().one()
        return accounts.open_reset(person)

    def loads(self, token: str, max_age: float | None = None) -> list[str]:
        """The mark of the person whose open reset this is."""
        person = accounts.find_by_reset(token)
        if person is None or person.reset_asked_at is None or not person.active:
            raise BadSignature("There is no such open reset.")
        if now() - person.reset_asked_at > timedelta(seconds=max_age or 0):
            raise SignatureExpired("This reset is too old.")
        return [person.fs_uniquifier]

    def loads_unsafe(self, token: str) -> tuple[bool, None]:
        """Nothing: a reset that has run out says nothing about anybody."""
        return False, None


def register_people(app: Flask, settings: Settings) -> None:
    """Make people known to the application."""
    app.config.update(_configuration(settings))
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
    _leave_out_principal(app)
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
    form.form_errors.append("This form was open for too long. Please send it again; what you typed is still here.")
    token = (request.view_args or {}).get("token")
    return make_response(render_template(template, form=form, reset_password_token=token), 400)


def _configuration(settings: Settings) -> dict[str, Any]:
    cheap = {"argon2__time_cost": 1, "argon2__memory_cost": 8, "argon2__parallelism": 1}
    return {
        "SESSION_PROTECTION": None,  # an address that changes on the way home is no thief; the id is long enough
        "SECURITY_PASSWORD_SALT": settings.secret_key,
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_PASSWORD_SCHEMES": ["argon2"],
        "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": cheap if settings.testing else {},
        "SECURITY_HASHING_SCHEMES": ["hex_sha256"],  # marks inside signed links; no password comes near it
        "SECURITY_DEPRECATED_HASHING_SCHEMES": [],
        "SECURITY_USER_IDENTITY_ATTRIBUTES": [{"email": {"mapper": _identity, "case_insensitive": False}}],
        "SECURITY_DATETIME_FACTORY": now,
        "SECURITY_STATIC_FOLDER": None,
        "SECURITY_CLI_USERS_NAME": None,
        "SECURITY_CLI_ROLES_NAME": None,
        "SECURITY_API_ENABLED_METHODS": ["session"],
        "SECURITY_FRESHNESS": timedelta(minutes=-1),
        "SECURITY_LOGOUT_METHODS": ["POST"],
        "SECURITY_REGISTERABLE": True,
        "SECURITY_PASSWORD_CONFIRM_REQUIRED": False,
        "SECURITY_CONFIRMABLE": True,
        "SECURITY_CONFIRM_EMAIL_WITHIN": CONFIRM_WITHIN,
        "SECURITY_RECOVERABLE": True,
        "SECURITY_RESET_PASSWORD_WITHIN": RESET_WITHIN,
        "SECURITY_CHANGEABLE": True,
        "SECURITY_CHANGE_URL": "/account/password",
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_POST_LOGIN_VIEW": "/",
        "SECURITY_POST_LOGOUT_VIEW": "/",
        "SECURITY_POST_REGISTER_VIEW": "/login",
        "SECURITY_POST_CHANGE_VIEW": "/account",
        **{f"SECURITY_EMAIL_SUBJECT_{name}": words for name, words in _SUBJECTS.items()},
        **{f"SECURITY_{name}": MAIL_TEMPLATES + file for name, file in _MAILS.items()},
        **{f"SECURITY_MSG_{name}": words for name, words in _MESSAGES.items()},
    }


_SUBJECTS = {
    "REGISTER": "Your registration",
    "CONFIRM": "Confirm your address",
    "PASSWORD_RESET": "Choose a new password",
    "PASSWORD_NOTICE": "Your password has been changed",
    "PASSWORD_CHANGE_NOTICE": "Your password has been changed",
}
_MAILS = {
    "REGISTER_EMAIL_TEMPLATE": "welcome",
    "REGISTER_EMAIL_EXISTING_TEMPLATE": "welcome_existing",
    "EMAIL_TEMPLATE_CONFIRM": "confirmation_instructions",
    "EMAIL_TEMPLATE_PASSWORD_RESET": "reset_instructions",
    "EMAIL_TEMPLATE_PASSWORD_RESET_NOTICE": "reset_notice",
    "EMAIL_TEMPLATE_PASSWORD_CHANGE_NOTICE": "change_notice",
}
_MESSAGES = {
    "GENERIC_AUTHN_FAILED": ("Email or password is wrong.", "error"),
    "CONFIRM_REGISTRATION": ("We have sent a mail to %(email)s. Follow its link to confirm your address.", "success"),
    "CONFIRMATION_REQUEST": (
        "If %(email)s is waiting to be confirmed, a mail with a new link is on its way.",
        "success",
    ),
    "PASSWORD_RESET_REQUEST": (
        "If there is an account for %(email)s, a mail with a link is on its way. The link works once, for one hour.",
        "success",
    ),
    "EMAIL_CONFIRMED": ("Your address is confirmed. You can sign in now.", "success"),
    "ALREADY_CONFIRMED": ("Your address is already confirmed.", "info"),
    "INVALID_CONFIRMATION_TOKEN": ("This link doesn't work. Ask for another.", "error"),
    "CONFIRMATION_EXPIRED": ("This link is too old. Ask for another.", "error"),
    "INVALID_RESET_PASSWORD_TOKEN": (
        "This link has been used or replaced by a newer one, or you have signed in since. Ask for another.",
        "error",
    ),
    "PASSWORD_RESET_EXPIRED": ("This link is too old. Ask for another.", "error"),
    "PASSWORD_RESET_NO_LOGIN": ("Your new password is saved. Sign in with it.", "success"),
    "PASSWORD_CHANGE": ("Your password is changed. All your other sessions have ended.", "success"),
    "PASSWORD_IS_THE_SAME": ("That is your current password. Choose another.", "error"),
    "INVALID_PASSWORD": ("That is not your current password.", "error"),
}


def _in_our_manner(endpoint: str, view: View) -> View:
    """A view of Flask-Security with our limits, in one transaction, ending where people should be."""

    @wraps(view)
    def in_our_manner(**arguments: Any) -> Response:
        if endpoint == "security.confirm_email" and request.method != "POST":
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
    flash(_MESSAGES["CONFIRM_REGISTRATION"][0] % {"email": request.form.get("email", "")}, "success")
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


def _identity(text: str) -> str | None:
    try:
        return accounts.normal_address(text)
    except Invalid:
        return None


def _leave_out_principal(app: Flask) -> None:
    """Flask-Principal would load the person at every request, files and token calls included; nothing here asks it."""
    before = app.before_request_funcs.get(None, [])
    before[:] = [f for f in before if type(getattr(f, "__self__", None)).__name__ != "Principal"]


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
