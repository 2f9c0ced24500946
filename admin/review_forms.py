"""The forms on the page of a request: a reviewer's yes, their no, and what they can do beside both."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request
from flask_wtf import FlaskForm
from wtforms import (
    DateField,
    HiddenField,
    PasswordField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from portal import access
from portal.access import AccessRequest, Narrowing, RequestItem, ReviewStage
from portal.errors import Invalid
from portal.web import Said, key_of
from portal.web.password_again import short

SHORT = Length(max=access.LONGEST_COMMENT)
READ = "The requester reads it."


@dataclass(frozen=True)
class Line:
    """One product of a request as the form shows it: declined with a reason, or with the scopes that are ticked."""

    item: RequestItem
    ticked: frozenset[str]
    declined: bool = False
    because: str = ""

    @property
    def is_less(self) -> bool:
        """Whether this is less than what was asked for."""
        return self.declined or self.ticked != frozenset(self.item.granted_scopes)


class StageForm(FlaskForm):
    """A form about one stage of a request."""

    stage = HiddenField()

    @property
    def stage_id(self) -> int | None:
        """The stage that the form is about; none for an answer to all that wait."""
        return key_of(self.stage.data or "")


class ApproveForm(StageForm):
    """A reviewer's yes; ``seen`` is the content that was on the screen."""

    comment = TextAreaField("Comment", [SHORT])
    conditions = TextAreaField(
        "Conditions",
        [SHORT],
        description="One on each line. They become part of the access, and the requester reads them.",
    )
    plan = SelectField("Plan", validate_choice=False)
    until = DateField("Access until", [Optional()], description="The last day. Leave it empty for what the plan gives.")
    checklist = SelectMultipleField(
        "What has been done", validate_choice=False, widget=ListWidget(), option_widget=CheckboxInput()
    )
    password = PasswordField("Your password", [short], render_kw={"autocomplete": "current-password"})
    seen = StringField()

    def prepare(self, asked: AccessRequest, stage: ReviewStage) -> None:
        """Offer what this stage and this request allow."""
        self.stage.data = str(stage.id)
        lower = {str(plan.id): plan.display_name for plan in access.lower_plans(asked)}
        self.plan.choices = {"": f"{asked.plan.display_name}, as asked for", **lower}
        self.checklist.choices = [(task, task) for task in stage.template.get("checklist", ())]
        if self.checklist.data is None:
            self.checklist.data = []
        self.comment.flags.required = bool(stage.template.get("reason_required"))
        self.password.flags.required = True

    def lines(self, asked: AccessRequest) -> list[Line]:
        """The products as they were asked for, or as they came back from the page."""
        return [self._line(item) for item in asked.standing_items]

    def less(self, asked: AccessRequest) -> Narrowing:
        """What the reviewer approves less of. Raises Invalid for a plan that is not, or no longer, a lower one.

        To pass over it would approve more than the reviewer said.
        """
        lines, wanted = self.lines(asked), key_of(self.plan.data or "")
        lower = next((plan for plan in access.lower_plans(asked) if plan.id == wanted), None)
        if self.plan.data and lower is None:
            raise Invalid("This plan is not offered instead any more. Choose again.", field="plan")
        return Narrowing(
            declined={line.item.product_id: line.because for line in lines if line.declined},
            scopes={line.item.product_id: line.ticked for line in lines if line.is_less and not line.declined},
            plan=lower,
            until=self.until.data,
        )

    def is_less(self, asked: AccessRequest) -> bool:
        """Whether anything of the part about less was filled in."""
        return bool(self.plan.data or (self.until.raw_data and any(self.until.raw_data))) or any(
            line.is_less for line in self.lines(asked)
        )

    def _line(self, item: RequestItem) -> Line:
        key, granted = str(item.product_id), frozenset(item.granted_scopes)
        if not self.is_submitted() or key not in request.form.getlist("line"):
            return Line(item, granted)
        ticked = frozenset(request.form.getlist(f"scope-{key}"))
        because = request.form.get(f"because-{key}", "")
        return Line(item, ticked, key in request.form.getlist("decline"), because)


class RejectForm(StageForm):
    """A reviewer's no, which needs a reason; ``seen`` is the content that was on the screen."""

    reason = TextAreaField("Reason", [Said("Give a reason: the requester will read it."), SHORT])
    seen = StringField()


class AskForm(StageForm):
    """A question to the requester."""

    question = TextAreaField(
        "Question",
        [Said("Write what you want to know."), SHORT],
        description="Until it is answered nobody decides, and the clock of this review stands still.",
    )


class AddStageForm(StageForm):
    """One more review that a reviewer finds necessary."""

    added = SelectField("Stage", [InputRequired("Choose a stage.")], validate_choice=False)
    because = TextAreaField("Why it is needed", [Said("Say why this stage is needed."), SHORT], description=READ)


class StepBackForm(StageForm):
    """Why somebody does not decide this."""

    back_reason = TextAreaField(
        "Why you step back",
        [Said("Say why you step back: the record keeps it."), SHORT],
        description="Reviewers and auditors read it. You are not asked about this stage again.",
    )


class PassOnForm(StageForm):
    """To whom a review goes."""

    to = StringField(
        "Pass on to",
        [InputRequired("Enter the address of somebody who can review.")],
        description="The mail address of somebody who can review.",
    )
    pass_reason = TextAreaField("What they should know", [SHORT])
