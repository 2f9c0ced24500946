"""People: who is here, what they may do, closing and opening accounts, ending sessions."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length
from wtforms.widgets import CheckboxInput, ListWidget

from admin.changes import WAITS, four_eyes
from admin.endings import impact_context
from portal import access, accounts, apps, catalog, proposals
from portal.accounts import Right, RoleName, User
from portal.db import transaction
from portal.errors import Conflict, NotAllowed
from portal.web import Said, current_person, done, found, page_of, page_url, render, requires, searched
from portal.web.sessions import session_lifetime

bp = Blueprint("users", __name__)
PAGE_SIZE = 50
ROLE_CHOICES = [(role.value, role.label) for role in RoleName]
MEANING = {
    RoleName.CONSUMER: "browses, asks for access, has apps",
    RoleName.API_OWNER: "manages products and catalogues, decides requests",
    RoleName.PLAN_MANAGER: "manages plans, lets them approve by themselves",
    RoleName.SECURITY_REVIEWER: "answers security reviews",
    RoleName.REVIEWER: "answers the reviews of the groups it is in",
    RoleName.AUDITOR: "reads everything, changes nothing",
    RoleName.ADMINISTRATOR: "manages everything and everybody",
}


class RolesForm(FlaskForm):
    """Which roles a person has, and which they had when the page was drawn."""

    roles = SelectMultipleField(
        "Roles",
        choices=[SelectChoice(role.value, f"{role.label}: {MEANING[role]}") for role in RoleName],
        widget=ListWidget(),
        option_widget=CheckboxInput(),
    )
    seen = HiddenField()

    @property
    def chosen(self) -> set[RoleName]:
        """The roles that are ticked."""
        return {RoleName(role) for role in self.roles.data or []}

    @property
    def were(self) -> set[RoleName]:
        """The roles that were on the screen; what is no role is not looked at."""
        known = {role.value for role in RoleName}
        return {RoleName(role) for role in (self.seen.data or "").split(",") if role in known}


class ReasonForm(FlaskForm):
    """Why an account is closed or opened."""

    reason = TextAreaField("Reason", [Said("Give a reason: it stands in the record."), Length(max=1000)])


class EndDelegationForm(FlaskForm):
    """Why an administrator ends somebody's standing in."""

    reason = StringField("Reason", [Said("Give a reason: both of them read it."), Length(max=300)])


class LeaveForm(ReasonForm):
    """Why an account is closed; with the impact that was on the screen."""

    shown = HiddenField()


@bp.get("/users")
@requires(Right.SEE_USERS)
def index() -> ResponseReturnValue:
    """People by address, searched by name or address, of one role if asked."""
    wanted = request.args.get("role", "")
    rows, more = page_of(
        accounts.people_page(
            search=searched(),
            role=wanted if wanted in dict(ROLE_CHOICES) else "",
            after_email=request.args.get("after", "")[:254],
            size=PAGE_SIZE + 1,
        ),
        PAGE_SIZE,
    )
    next_url = page_url(after=rows[-1].email) if more else None
    return render("admin/users/index.html", rows=rows, next_url=next_url, role_choices=ROLE_CHOICES, role=wanted)


@bp.get("/users/<key:user_id>")
@requires(Right.SEE_USERS)
def show(user_id: int) -> ResponseReturnValue:
    """One person: roles, apps, sessions."""
    return _show(_find(user_id))


@bp.post("/users/<key:user_id>/roles")
@requires(Right.EDIT_USERS)
def save_roles(user_id: int) -> ResponseReturnValue:
    """Give the person exactly the ticked roles."""
    person, form = _find(user_id), RolesForm()
    if not form.validate():
        return _show(person, roles_form=form, status=422)
    try:
        with transaction():
            waits = proposals.change_roles(
                person, form.chosen, by=current_person(), seen=form.were, four_eyes=four_eyes()
            )
    except (Conflict, NotAllowed) as refusal:
        form.form_errors = [refusal.message]
        return _show(person, roles_form=form, status=409 if isinstance(refusal, Conflict) else 403)
    told = f"The roles are not changed yet. {WAITS}" if waits else "The roles are saved. Open sessions have ended."
    return done(url_for("admin.users.show", user_id=user_id), told)


@bp.get("/users/<key:user_id>/deactivate")
@requires(Right.EDIT_USERS)
def leaving(user_id: int) -> ResponseReturnValue:
    """What closing the account takes from whom, and the form that does it."""
    return _leaving(_find(user_id), LeaveForm(formdata=None))


@bp.post("/users/<key:user_id>/deactivate")
@requires(Right.EDIT_USERS)
def deactivate(user_id: int) -> ResponseReturnValue:
    """Close the account at once."""
    person, form = _find(user_id), LeaveForm()
    if not form.validate():
        return _leaving(person, form, status=422)
    try:
        with transaction():
            access.refuse_unseen(person, form.shown.data or "")
            accounts.deactivate(person, by=current_person(), reason=form.reason.data or "")
    except Conflict as stale:
        return _leaving(_find(user_id), form, problem=stale.message, status=409)
    left = len(apps.apps_of(_find(user_id)))
    advice = f" {left} app{'' if left == 1 else 's'} of theirs should go to somebody else." if left else ""
    return done(url_for("admin.users.show", user_id=user_id), f"The account is closed.{advice}")


@bp.post("/users/<key:user_id>/reactivate")
@requires(Right.EDIT_USERS)
def reactivate(user_id: int) -> ResponseReturnValue:
    """Open the account again."""
    person, form = _find(user_id), ReasonForm()
    if not form.validate():
        return _show(person, reason_form=form, status=422)
    with transaction():
        accounts.reactivate(person, by=current_person(), reason=form.reason.data or "")
    return done(url_for("admin.users.show", user_id=user_id), "The account is open again.")


@bp.post("/users/<key:user_id>/end-sessions")
@requires(Right.EDIT_USERS)
def end_sessions(user_id: int) -> ResponseReturnValue:
    """Sign the person out everywhere."""
    person = _find(user_id)
    with transaction():
        ended = accounts.sign_out_everywhere(person, by=current_person())
    return done(url_for("admin.users.show", user_id=user_id), f"{ended} session{'' if ended == 1 else 's'} ended.")


@bp.post("/users/<key:user_id>/delegations/<key:delegation_id>/end")
@requires(Right.EDIT_USERS)
def end_delegation(user_id: int, delegation_id: int) -> ResponseReturnValue:
    """End what this person gave or was given to stand in for somebody, when neither of the two can or does."""
    person = _find(user_id)
    delegation = found(next((each for each in access.delegations_of(person) if each.id == delegation_id), None))
    form = EndDelegationForm(prefix=_prefix(delegation_id))
    if not form.validate():
        return _show(person, ending=(delegation_id, form), status=422)
    with transaction():
        access.end_delegation(delegation, by=current_person(), reason=form.reason.data or "")
    return done(url_for("admin.users.show", user_id=user_id), "That has ended, and both of them are told by mail.")


def _show(
    person: User,
    *,
    roles_form: RolesForm | None = None,
    reason_form: ReasonForm | None = None,
    ending: tuple[int, EndDelegationForm] | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    held = sorted(role.value for role in person.role_names)
    fresh = RolesForm(formdata=None, roles=held, seen=",".join(held))
    if roles_form is not None:
        roles_form.seen.data = fresh.seen.data  # what is on the screen now is what the next answer is about
    return render(
        "admin/users/show.html",
        status=status,
        person=person,
        roles_form=roles_form or fresh,
        reason_form=reason_form or ReasonForm(formdata=None),
        change=proposals.waiting_about(person),
        apps=apps.apps_of(person),
        delegations=[
            (each, _ending_form(each.id, ending)) for each in access.delegations_of(person) if not each.is_over
        ],
        ending_form=ending[1] if ending else None,
        session_count=len(accounts.sessions_of(person, idle=session_lifetime())),
        may_edit=current_person().may(Right.EDIT_USERS),
        is_self=person.id == current_person().id,
    )


def _ending_form(delegation_id: int, sent: tuple[int, EndDelegationForm] | None) -> EndDelegationForm:
    """The form that was sent for this delegation, or an empty one."""
    if sent is not None and sent[0] == delegation_id:
        return sent[1]
    return EndDelegationForm(formdata=None, prefix=_prefix(delegation_id))


def _prefix(delegation_id: int) -> str:
    return f"delegation-{delegation_id}-"


def _leaving(person: User, form: LeaveForm, *, problem: str = "", status: int = 200) -> ResponseReturnValue:
    impact = access.impact_of(person)
    form.shown.data = impact.mark
    return render(
        "admin/users/deactivate.html",
        status=status,
        person=person,
        form=form,
        problem=problem,
        apps=apps.apps_of(person),
        owned=catalog.products_owned_alone(person),
        **impact_context(impact, person),
    )


def _find(user_id: int) -> User:
    return found(accounts.find_person(user_id))
