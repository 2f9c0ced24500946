"""Access use: access that nobody seems to need, with what can be done about it (C78, C87, C144)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask import Blueprint, Response, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import SelectMultipleField, TextAreaField

from admin import spreadsheet
from portal import access, accounts, events, register
from portal.access import Grant
from portal.accounts import Right
from portal.db import transaction
from portal.errors import Invalid
from portal.events import EventKind
from portal.register import Idle, Proposed
from portal.web import chosen, current_person, found, key_in_url, key_of, page_of, page_url, render, requires

bp = Blueprint("usage", __name__)
PAGE_SIZE = 50
DAYS, MOST_DAYS = 90, 3650
EXPORT_CHUNK, MOST_EXPORTED = 500, 50_000
COLUMNS = (
    *("app", "owner", "organisation", "product", "plan", "environment", "client_id"),
    *("granted", "last_used", "scopes_granted", "scopes_never_used"),
)


class ProposalForm(FlaskForm):
    """The access that is ticked, with its last use as it was on the screen, and a reason."""

    grant = SelectMultipleField("Access", validate_choice=False)
    reason = TextAreaField("Reason")

    def seen(self) -> dict[int, str]:
        """By the key of each access that is ticked, what was on the screen of its use."""
        shown = dict(pair.split(" ", 1) for pair in request.form.getlist("seen") if " " in pair)
        keys = {key: text for text in self.grant.data or [] if (key := key_of(text)) is not None}
        return {key: shown.get(text, "?").strip() for key, text in keys.items()}


@bp.get("/access-use")
@requires(Right.SEE_APPS)
def index() -> ResponseReturnValue:
    """Access of one kind, the oldest first: not used lately, unless the URL asks for another."""
    return _index(ProposalForm(formdata=None))


@bp.post("/access-use/revoke")
@requires(Right.REVOKE_ACCESS)
def revoke() -> ResponseReturnValue:
    """Take back up to a hundred, each judged alone; the page says what became of each."""
    form = ProposalForm()
    reason = form.reason.data or ""
    return _act(form, lambda seen: register.revoke_proposed(seen, by=current_person(), reason=reason))


@bp.post("/access-use/ask")
@requires(Right.REVOKE_ACCESS)
def ask() -> ResponseReturnValue:
    """Ask the owners of the apps by mail whether they still need it."""
    return _act(ProposalForm(), lambda seen: register.ask_owners(seen, by=current_person()))


@bp.post("/access-use/export")
@requires(Right.SEE_APPS)
def export() -> ResponseReturnValue:
    """All rows of the list as CSV; that they were exported is recorded."""
    kind, days, person = _kind(), _days(), current_person()
    with transaction():
        events.record(EventKind.EXPORTED, subject=person, by=person, after={"access_use": kind, "days": days})
    answer = Response(stream_with_context(_csv(kind, days, person.id)), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="portico-access-{kind}.csv"'
    return answer


def _act(form: ProposalForm, act: Callable[[dict[int, str]], list[Proposed]]) -> ResponseReturnValue:
    if not form.validate():
        return _index(form, status=422)
    try:
        with transaction():
            outcomes = act(form.seen())
    except Invalid as refusal:
        return _index(form, problem=refusal.message, status=422)
    back = url_for("admin.usage.index", show=_kind(), days=_days())
    return render("admin/usage/outcomes.html", outcomes=outcomes, back=back)


def _index(form: ProposalForm, *, problem: str = "", status: int = 200) -> ResponseReturnValue:
    kind, days, person = _kind(), _days(), current_person()
    asked = register.idle_grants(kind, days, seen_by=person, after=key_in_url("after"), size=PAGE_SIZE + 1)
    rows, more = page_of(asked, PAGE_SIZE)
    return render(
        "admin/usage/index.html",
        status=status,
        rows=rows,
        uses=register.use_of(rows),
        marks={grant.id: register.mark_of_use(grant) for grant in rows},
        kind=kind,
        kinds=list(Idle),
        days=days,
        counts=register.idle_counts(days, seen_by=person),
        revocable={grant.id for grant in rows if access.may_revoke(grant, person)},
        next_url=page_url(after=rows[-1].id) if more else None,
        form=form,
        problem=problem,
    )


def _csv(kind: Idle, days: int, person_id: int) -> Iterator[str]:
    """All rows, read while they are sent; the session of the view is over by then."""
    yield spreadsheet.line(COLUMNS)
    person = found(accounts.find_person(person_id))
    after, sent = None, 0
    while sent < MOST_EXPORTED:
        rows = register.idle_grants(kind, days, seen_by=person, after=after, size=EXPORT_CHUNK)
        if not rows:
            return
        uses = register.use_of(rows)
        yield from (spreadsheet.line(_cells(grant, uses[grant.id])) for grant in rows)
        after, sent = rows[-1].id, sent + len(rows)


def _cells(grant: Grant, use: register.GrantUse) -> list[str]:
    last = "not known" if not use.is_seen else grant.last_used_at.isoformat() if grant.last_used_at else "never"
    return [
        grant.app.name,
        grant.app.owner.email,
        grant.app.organisation.name,
        grant.product.name,
        grant.plan.display_name,
        grant.environment.value,
        grant.credential.client_id,
        grant.starts_at.isoformat(),
        last,
        " ".join(grant.scopes),
        " ".join(use.unused_scopes) if use.is_seen else "",
    ]


def _kind() -> Idle:
    return Idle(chosen("show", set(Idle), default=Idle.UNUSED.value))


def _days() -> int:
    """For how many days not used: from the URL, within what makes sense."""
    text = request.args.get("days", "")
    days = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else DAYS
    return min(max(days, 1), MOST_DAYS)
