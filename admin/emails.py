"""The texts of the mails: reading, previewing, changing, and restoring what was shipped."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired

from portal import mail
from portal.accounts import Right
from portal.db import transaction
from portal.errors import Conflict
from portal.mail import BadTexts, MailKind, Texts
from portal.web import current_person, done, found, framed, render, requires

bp = Blueprint("emails", __name__)


class TextsForm(FlaskForm):
    """The texts of one kind of mail; ``seen`` is the mark of those that were on the screen."""

    subject = StringField("Subject", validators=[InputRequired("Enter a subject.")])
    text = TextAreaField("Text", validators=[InputRequired("Enter the text.")])
    html = TextAreaField("HTML", validators=[InputRequired("Enter the HTML.")])
    seen = StringField()

    @property
    def texts(self) -> Texts:
        """What was typed, with one kind of line break."""
        values = (str(field.data or "").replace("\r\n", "\n") for field in (self.subject, self.text, self.html))
        return Texts(*values)

    def blame(self, refusal: BadTexts) -> None:
        """Show each fault at its field, with its line."""
        for name, faults in refusal.faults.items():
            self[name].errors = [str(fault) for fault in faults]


@bp.get("/emails")
@requires(Right.SEE_MESSAGES)
def index() -> ResponseReturnValue:
    """Every kind of mail: what it is called, who gets it and when, and whether its texts were changed."""
    edited = mail.edited_subjects()
    subjects = {kind: edited.get(kind) or mail.shipped(kind).subject for kind in mail.KINDS}
    return render("admin/emails/index.html", kinds=mail.KINDS.values(), subjects=subjects, edited=edited)


@bp.get("/emails/<slug:kind>")
@requires(Right.SEE_MESSAGES)
def show(kind: str) -> ResponseReturnValue:
    """The texts of one kind, to read or to change, with a preview."""
    return _show(_find(kind))


@bp.post("/emails/<slug:kind>")
@requires(Right.EDIT_MESSAGES)
def save(kind: str) -> ResponseReturnValue:
    """Put the typed texts in force."""
    known, form = _find(kind), TextsForm()
    if not form.validate():
        return _show(known, form, status=422)
    try:
        with transaction():
            mail.save(kind, form.texts, seen=form.seen.data or "", by=current_person())
    except BadTexts as refusal:
        form.blame(refusal)
        return _show(known, form, status=422)
    except Conflict as stale:
        return _show(known, form, problem=stale.message, status=409)
    return done(url_for("admin.emails.show", kind=kind), "The texts have been saved. The next mail uses them.")


@bp.post("/emails/<slug:kind>/restore")
@requires(Right.EDIT_MESSAGES)
def restore(kind: str) -> ResponseReturnValue:
    """Put the shipped texts back in force."""
    _find(kind)
    with transaction():
        mail.restore(kind, by=current_person())
    return done(url_for("admin.emails.show", kind=kind), "The shipped texts are in force again.")


@bp.route("/emails/<slug:kind>/preview", methods=["GET", "POST"])
@requires(Right.SEE_MESSAGES)
def preview(kind: str) -> Response:
    """The mail with sample values, in its frame: the texts in force, or those that were typed and not saved."""
    known, form = _find(kind), TextsForm()
    texts = form.texts if request.method == "POST" else mail.texts_of(kind)
    try:
        sample = mail.preview(kind, texts, site_name=current_app.config["PORTICO"].site_name)
    except BadTexts as refusal:
        answer = render("admin/emails/preview.html", status=422, kind=known, sample=None, faults=refusal.faults)
    else:
        answer = render("admin/emails/preview.html", kind=known, sample=sample, faults={})
    return framed(answer)


def _show(
    kind: MailKind, form: TextsForm | None = None, *, problem: str = "", status: int = 200
) -> ResponseReturnValue:
    stored = mail.texts_of(kind.name)
    if form is None:
        form = TextsForm(
            formdata=None,
            data={"subject": stored.subject, "text": stored.text, "html": stored.html, "seen": stored.mark},
        )
    return render(
        "admin/emails/show.html",
        status=status,
        kind=kind,
        form=form,
        stored=stored,
        edited=mail.find_edited(kind.name),
        problem=problem,
    )


def _find(kind: str) -> MailKind:
    return found(mail.KINDS.get(kind))
