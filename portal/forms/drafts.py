"""What a person has typed into the cart page: kept until it is submitted, and shown to nobody else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, delete, select

from portal.accounts import User
from portal.db import db, now
from portal.errors import Invalid
from portal.forms.models import FormDraft

MOST_CHARACTERS = 300_000
_FORGET = delete(FormDraft).where(FormDraft.user_id == bindparam("person")).execution_options(synchronize_session=False)


def draft_of(person: User) -> FormDraft | None:
    """What this person has typed so far; None when there is nothing."""
    return db.session.scalar(select(FormDraft).where(FormDraft.user_id == person.id))


def save_draft(typed: Mapping[str, Any], *, by: User) -> FormDraft:
    """Keep what was typed in the place of what was kept before. The caller holds the person's cart."""
    if len(json.dumps(typed)) > MOST_CHARACTERS:
        raise Invalid("That is more than a form can hold, so it was not kept.")
    draft = draft_of(by)
    if draft is None:
        draft = FormDraft(user_id=by.id)
        db.session.add(draft)
    draft.typed, draft.saved_at = dict(typed), now()
    db.session.flush()
    return draft


def forget_draft(by: User) -> None:
    """Throw away what was kept: it was submitted, or the person wants to begin anew."""
    db.session.execute(_FORGET, {"person": by.id})
