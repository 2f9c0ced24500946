"""Tokens with which a person's programs use the API of Portico: made, shown once, revoked."""

from __future__ import annotations

from flask import Blueprint, current_app, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField
from wtforms.validators import DataRequired, Length, NumberRange

from portal import credentials
from portal.accounts import Right
from portal.credentials import LONGEST_TOKEN_NAME, MOST_TOKEN_DAYS
from portal.db import transaction
from portal.errors import Conflict, Invalid
from portal.web import Said, WholeNumber, blame, current_person, done, key_of, render, requires

bp = Blueprint("tokens", __name__)
_DAYS = f"Enter 1 to {MOST_TOKEN_DAYS} days."


class TokenForm(FlaskForm):
    """What a new token is called, and how long it is good."""

    name = StringField(
        "Name",
        [
            Said("Give the token a name."),
            Length(max=LONGEST_TOKEN_NAME, message=f"A name has at most {LONGEST_TOKEN_NAME} characters."),
        ],
    )
    days = WholeNumber(
        "Ends after (days)",
        [DataRequired(_DAYS), NumberRange(1, MOST_TOKEN_DAYS, _DAYS)],
        default=90,
    )
    seen = HiddenField()


@bp.get("/account/tokens")
@requires(Right.REQUEST_ACCESS)
def index(form: TokenForm | None = None, status: int = 200) -> ResponseReturnValue:
    """The person's tokens, and the form for a new one."""
    form, tokens = form or TokenForm(formdata=None), credentials.personal_tokens_of(current_person())
    form.seen.data = tokens[0].id if tokens else 0
    return render(
        "live/tokens/index.html",
        status=status,
        form=form,
        tokens=tokens,
        endpoint=_endpoint(),
    )


@bp.post("/account/tokens")
@requires(Right.REQUEST_ACCESS)
def create() -> ResponseReturnValue:
    """Make a token and show it, this once, in this very answer: it is kept nowhere (H1)."""
    form = TokenForm()
    if not form.validate():
        return index(form, 422)
    name, days, seen = form.name.data or "", form.days.data or 0, key_of(form.seen.data or "") or 0
    try:
        with transaction():
            made = credentials.make_personal_token(name, days=days, by=current_person(), seen=seen)
    except (Invalid, Conflict) as refusal:
        blame(form, refusal)
        return index(form, 409 if isinstance(refusal, Conflict) else 422)
    answer = render("live/tokens/made.html", made=made, endpoint=_endpoint())
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.post("/account/tokens/<key:token_id>/revoke")
@requires(Right.REQUEST_ACCESS)
def revoke(token_id: int) -> ResponseReturnValue:
    """End a token at once."""
    with transaction():
        name = credentials.revoke_personal_token(token_id, by=current_person()).name
    return done(url_for("live.tokens.index"), f"The token {name} has been revoked.")


def _endpoint() -> str:
    return f"{current_app.config['PORTICO'].base_url}/api/v1/requests"
