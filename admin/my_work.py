"""My work: what waits for this person, for their groups, and for those whom they stand in for; what is late first."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from portal import access
from portal.access import Whose
from portal.accounts import Right
from portal.web import current_person, render, requires

bp = Blueprint("my_work", __name__)
PARTS = {
    Whose.MINE: ("For you", "You are asked by name, as an owner, or in your role."),
    Whose.GROUP: (
        "For your groups",
        "Whoever of the group answers first, answers for it. Take one up so that others need not.",
    ),
    Whose.INSTEAD: ("For whom you stand in", "You give their vote, and use up your own."),
}


@bp.get("/my-work")
@requires(Right.DECIDE_REQUESTS)
def show() -> ResponseReturnValue:
    """Everything that waits for this person on one page, and what they wait for themselves."""
    person = current_person()
    work = access.work_of(person)
    return render(
        "admin/my_work/show.html",
        work=work,
        parts=[(title, lead, [each for each in work if each.whose is whose]) for whose, (title, lead) in PARTS.items()],
        most=access.MOST_SHOWN,
        questions=access.questions_by(person),
        kept=access.filters_of(person),
        groups={group.key: group.name for group in person.groups},
    )
