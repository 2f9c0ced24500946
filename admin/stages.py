"""Review stages: what each is called, who answers it, how many must, and by when."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput, ListWidget

from admin.fields import Lines
from portal import accounts, mail, policies, schedule
from portal.accounts import Right, RoleName
from portal.catalog import Environment
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.policies import (
    SHIPPED_STAGES,
    OnTimeout,
    QuorumMode,
    StageTemplate,
    TemplateKind,
    anybody_for,
    people_in_words,
    stage_templates,
)
from portal.web import WholeNumber, blame, current_person, done, found, key_of, render, requires

bp = Blueprint("stages", __name__)
QUORUMS = {
    QuorumMode.TOTAL: "So many in total",
    QuorumMode.PER_GROUP: "So many of each source",
    QuorumMode.ALL: "Everybody who is asked",
}
DECIDING_ROLES = (RoleName.API_OWNER, RoleName.SECURITY_REVIEWER, RoleName.REVIEWER, RoleName.ADMINISTRATOR)
LISTS = ("sources", "fallback", "escalation")


class Ticks(SelectMultipleField):
    """Words to tick."""

    widget = ListWidget()
    option_widget = CheckboxInput()


class StageForm(FlaskForm):
    """A stage's set-up."""

    revision = HiddenField()
    key = StringField("Key")
    name = StringField("Name", [InputRequired("Enter a name.")])
    description = StringField("What its reviewers look at")
    notice = TextAreaField("What its mail says besides")
    kind = RadioField(
        "Kind",
        choices=[
            SelectChoice(TemplateKind.APPROVAL.value, "An approval, answered with yes or no"),
            SelectChoice(TemplateKind.TASK.value, "A task with a checklist, which is completed"),
        ],
        default=TemplateKind.APPROVAL.value,
    )
    position = WholeNumber("Step", [InputRequired("Enter a number from 1 to 20.")], default=2)
    sources = Ticks("Who answers it", choices=[])
    sources_people = Lines("Single people")
    fallback = Ticks("Asked when none of them can answer", choices=[])
    fallback_people = Lines("Single people to fall back on")
    escalation = Ticks("Asked as well when it is late", choices=[])
    escalation_people = Lines("Single people to escalate to")
    quorum_n = WholeNumber("Approvals that are needed", [InputRequired("Enter a number from 1 to 20.")], default=1)
    quorum_mode = RadioField(
        "How they are counted",
        choices=[SelectChoice(mode.value, words) for mode, words in QUORUMS.items()],
        default=QuorumMode.TOTAL.value,
    )
    due_hours = WholeNumber("Due after", [InputRequired("Enter working hours.")], default=40)
    due_dev = WholeNumber("Due after in development")
    due_test = WholeNumber("Due after in test")
    due_prod = WholeNumber("Due after in production")
    remind_hours = WholeNumber("Reminder after", [InputRequired("Enter working hours.")], default=16)
    escalate_hours = WholeNumber("Escalation after", [InputRequired("Enter working hours.")], default=32)
    expire_hours = WholeNumber("Ends after", [InputRequired("Enter working hours.")], default=112)
    answer_hours = WholeNumber("The requester answers within", [InputRequired("Enter working hours.")], default=80)
    calendar = SelectField("Calendar", default=schedule.DEFAULT_CALENDAR)
    on_timeout = RadioField(
        "Then the request",
        choices=[
            SelectChoice(OnTimeout.EXPIRE.value, "expires"),
            SelectChoice(OnTimeout.REJECT.value, "is rejected"),
        ],
        default=OnTimeout.EXPIRE.value,
    )
    reason_required = BooleanField("Approving needs a reason")
    step_up = BooleanField("Reviewers prove again who they are")
    delegation_allowed = BooleanField("Others may stand in", default=True)
    may_be_added = BooleanField("Reviewers may add it to a request", default=True)
    checklist = Lines("Checklist")
    required_fields = Lines("What its reviewers rely on")

    placeholders = mail.notice_names()

    def offer(self, template: StageTemplate | None) -> None:
        """Let people be chosen from the sources that there are, and from those that are named already."""
        offered = [("owners", "The product’s owners"), ("sponsor", "The sponsor of the requester’s organisation")]
        offered += [(f"group:{group.key}", f"Group {group.name}") for group in accounts.groups()]
        offered += [(f"role:{role.value}", f"Everybody in the role {role.label}") for role in DECIDING_ROLES]
        self.calendar.choices = [(calendar.key, calendar.name) for calendar in schedule.calendars()]
        for name in LISTS:
            field, known = self[name], {value for value, _ in offered}
            named = [_said(source) for source in getattr(template, name)] if template is not None else []
            strangers = [(v, f"{v.partition(':')[2]} (not made yet)") for v in named if v and v not in known]
            field.choices = [SelectChoice(value, words) for value, words in [*offered, *strangers]]

    @property
    def values(self) -> dict[str, Any]:
        """The set-up as a stage's JSON."""
        due = {place.value: self[f"due_{place.value}"].data for place in Environment}
        return {
            "key": (self.key.data or "").strip(),
            "name": self.name.data,
            "description": (self.description.data or "").strip()[:300],
            "notice": "".join(sign for sign in self.notice.data or "" if sign.isprintable() or sign == "\n").strip(),
            "kind": self.kind.data,
            "position": self.position.data,
            **{name: [*map(_source, self[name].data or []), *self._people(name)] for name in LISTS},
            "quorum": {"n": self.quorum_n.data, "mode": self.quorum_mode.data},
            "times": {
                "due_hours": self.due_hours.data,
                "due_in": {place: hours for place, hours in due.items() if hours is not None},
                "remind_hours": self.remind_hours.data,
                "escalate_hours": self.escalate_hours.data,
                "expire_hours": self.expire_hours.data,
                "answer_hours": self.answer_hours.data,
                "calendar": self.calendar.data,
            },
            "on_timeout": self.on_timeout.data,
            **{n: self[n].data for n in ("reason_required", "step_up", "delegation_allowed", "may_be_added")},
            "checklist": self.checklist.data or [],
            "required_fields": self.required_fields.data or [],
        }

    def _people(self, name: str) -> list[dict[str, str]]:
        return [{"kind": "person", "email": email} for email in self[f"{name}_people"].data or []]


@bp.get("/stages")
@requires(Right.SEE_POLICIES)
def index() -> ResponseReturnValue:
    """All stages, and which of them nobody could answer."""
    templates = sorted(stage_templates().values(), key=lambda t: (t.position, t.name))
    return render(
        "admin/stages/index.html",
        rows=[
            {
                "template": template,
                "people": people_in_words(template),
                "staffed": anybody_for(template),
                "missing": policies.shortage_of(template),
                "shipped": template.key in SHIPPED_STAGES,
                "named_by": policies.policies_naming(template.key),
            }
            for template in templates
        ],
        may_edit=current_person().may(Right.EDIT_POLICIES),
    )


@bp.get("/stages/new")
@requires(Right.EDIT_POLICIES)
def new() -> ResponseReturnValue:
    """An empty form."""
    form = StageForm(formdata=None)
    form.offer(None)
    return render("admin/stages/new.html", form=form, template=None)


@bp.post("/stages/new")
@requires(Right.EDIT_POLICIES)
def create() -> ResponseReturnValue:
    """Make a stage. Policies can ask for it from then on."""
    form = StageForm()
    form.offer(None)
    if not form.validate():
        return render("admin/stages/new.html", status=422, form=form, template=None)
    if form.values["key"] in stage_templates():
        form.key.errors = [f"There is already a stage '{form.values['key']}'."]
        return render("admin/stages/new.html", status=409, form=form, template=None)
    try:
        mail.check_notice(form.values["notice"])
        with transaction():
            template = policies.save_stage(form.values, by=current_person())
    except (Invalid, Conflict) as refusal:
        blame(form, refusal)
        status = 409 if isinstance(refusal, Conflict) else 422
        return render("admin/stages/new.html", status=status, form=form, template=None)
    return done(url_for("admin.stages.show", stage_key=template.key), f"The stage {template.name} is made.")


@bp.get("/stages/<stage_key>")
@requires(Right.SEE_POLICIES)
def show(stage_key: str) -> ResponseReturnValue:
    """One stage, to read or to change."""
    template = _find(stage_key)
    return _show(template, _filled(template))


@bp.post("/stages/<stage_key>")
@requires(Right.EDIT_POLICIES)
def save(stage_key: str) -> ResponseReturnValue:
    """Change a stage, for the requests that are submitted from now on."""
    template, form = _find(stage_key), StageForm()
    form.offer(template)
    if not form.validate():
        return _show(template, form, status=422)
    try:
        mail.check_notice(form.values["notice"])
        with transaction():
            revision = key_of(form.revision.data or "") or 0
            policies.save_stage({**form.values, "key": stage_key}, by=current_person(), revision=revision)
    except (Invalid, Conflict) as refusal:
        blame(form, refusal)
        return _show(_find(stage_key), form, status=409 if isinstance(refusal, Conflict) else 422)
    return done(url_for("admin.stages.show", stage_key=stage_key), "The changes are saved.")


@bp.post("/stages/<stage_key>/remove")
@requires(Right.EDIT_POLICIES)
def remove(stage_key: str) -> ResponseReturnValue:
    """Take a stage away; a shipped one becomes again what it was."""
    template = _find(stage_key)
    with transaction():
        policies.remove_stage(stage_key, by=current_person())
    if stage_key in SHIPPED_STAGES:
        message = f"{SHIPPED_STAGES[stage_key].name} is again as it comes with Portico."
        return done(url_for("admin.stages.show", stage_key=stage_key), message)
    return done(url_for("admin.stages.index"), f"The stage {template.name} is taken away.")


def _show(template: StageTemplate, form: StageForm, *, status: int = 200) -> ResponseReturnValue:
    return render(
        "admin/stages/show.html",
        status=status,
        form=form,
        template=template,
        people={name: [policies.source_in_words(source) for source in getattr(template, name)] for name in LISTS},
        quorums=QUORUMS,
        is_shipped=template.key in SHIPPED_STAGES,
        row=policies.stage_row(template.key),
        staffed=anybody_for(template),
        missing=policies.shortage_of(template),
        named_by=policies.policies_naming(template.key),
        may_edit=current_person().may(Right.EDIT_POLICIES),
    )


def _filled(template: StageTemplate) -> StageForm:
    row = policies.stage_row(template.key)
    times = template.times
    values = {
        **{n: getattr(template, n) for n in ("key", "name", "description", "notice", "position", "step_up")},
        **{n: getattr(template, n) for n in ("reason_required", "delegation_allowed", "may_be_added")},
        "kind": template.kind.value,
        "on_timeout": template.on_timeout.value,
        "quorum_n": template.quorum.n,
        "quorum_mode": template.quorum.mode.value,
        **{n: getattr(times, n) for n in ("due_hours", "remind_hours", "escalate_hours", "expire_hours")},
        **{n: getattr(times, n) for n in ("answer_hours", "calendar")},
        **{f"due_{place.value}": times.due_in.get(place.value) for place in Environment},
        "checklist": list(template.checklist),
        "required_fields": list(template.required_fields),
        **{name: [said for source in getattr(template, name) if (said := _said(source))] for name in LISTS},
        **{f"{name}_people": [s["email"] for s in getattr(template, name) if s["kind"] == "person"] for name in LISTS},
        "revision": str(row.version if row is not None else 0),
    }
    form = StageForm(formdata=None, data=values)
    form.offer(template)
    return form


def _said(source: Any) -> str:
    """A source as a word to tick; people are named one by one."""
    match source["kind"]:
        case "group":
            return f"group:{source['key']}"
        case "role":
            return f"role:{source['role']}"
        case "person":
            return ""
    return str(source["kind"])


def _source(said: str) -> dict[str, str]:
    kind, _, which = said.partition(":")
    return {"kind": kind, **({"key": which} if kind == "group" else {"role": which} if kind == "role" else {})}


def _find(stage_key: str) -> StageTemplate:
    return found(stage_templates().get(stage_key))
