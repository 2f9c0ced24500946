"""What the pages that ask for access share: what was typed into request forms and handed in, and what is kept of it.

The cart asks for access, a plan change for other terms, a renewal for more time: the questions are the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from flask import Request
from flask_wtf import FlaskForm
from werkzeug.datastructures import FileStorage

from portal import access, forms
from portal.access import CartRejected, Category, Earlier
from portal.accounts import User
from portal.catalog import Environment
from portal.errors import Conflict, Invalid
from portal.forms import Ask, Field, FieldType, GivenFile, Weighed
from portal.web import key_of

ANSWER = "answer-"
KEPT = "kept-"
NEWER = "newer-"
NOT_KEPT = frozenset({"csrf_token", "seen", "forms_seen"})


@dataclass
class Given:
    """What the browser sent for the form: typed answers, files that may be kept, and why others may not.

    ``earlier`` are the answers of earlier requests that may be used again.
    """

    raw: dict[str, Any] = field(default_factory=dict)
    files: list[tuple[str, GivenFile]] = field(default_factory=list)
    newer: list[tuple[str, int, GivenFile]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    earlier: dict[str, Earlier] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was typed or chosen."""
        typed = (value.values() if isinstance(value, dict) else [value] for value in self.raw.values())
        return not self.files and not self.refused and not any(any(values) for values in typed)


def given_by(request: Request, asked: Ask) -> Given:
    """What was typed into the form's fields, and the files that came with it, read and judged but not yet stored."""
    given = Given()
    for each in asked.own_fields:
        name = ANSWER + each.key
        if each.type is FieldType.FILE:
            given.raw[each.key] = _references(request.form.getlist(KEPT + each.key))
            _read_files(each, request, given)
        elif each.type is FieldType.LINK:
            given.raw[each.key] = {"url": request.form.get(name, ""), "title": request.form.get(f"{name}-title", "")}
        else:
            given.raw[each.key] = request.form.get(name, "")
    return given


def given_again(request: Request, asked: Ask, before: Mapping[str, Any]) -> Given:
    """What was sent to change a request: its files stay, and some may come in a new version."""
    given = given_by(request, asked)
    for each in asked.own_fields:
        if each.type is FieldType.FILE:
            given.raw[each.key] = list(before.get(each.key, []))
            for reference in given.raw[each.key]:
                _read_replacement(each.key, reference["id"], request, given)
    return given


def put_files(given: Given, *, by: User) -> None:
    """Store what came with the change of a request: new files, and new versions of those there are."""
    keep_files(given, by=by)
    if given.refused:
        raise Invalid(" ".join(given.refused.values()))
    for key, old_id, file in given.newer:
        for old in forms.files_of([old_id], by=by).values():
            new = forms.replace_file(old, file, by=by)
            given.raw |= forms.with_replacement({key: given.raw[key]}, old, new)
    given.newer.clear()


def looks_complete(asked: Ask, given: Given) -> Weighed:
    """What would be missing, before anything is stored: files that came count as given."""
    coming = {key for key, _ in given.files}
    raw = {
        key: [*value, {}] if key in coming and isinstance(value, list) else value for key, value in given.raw.items()
    }
    raw |= {f.key: asked.environment for f in asked.fields if f.feeds is forms.Feed.ENVIRONMENT}
    return forms.weigh(asked.fields, raw, given={forms.Feed.ENVIRONMENT.value: asked.environment})


def keep_files(given: Given, *, by: User) -> None:
    """Store the files that came, so that they are still there when the page comes back with a fault."""
    for key, file in given.files:
        try:
            kept = forms.add_file(file, by=by)
        except Invalid as refusal:
            given.refused[key] = refusal.message
            continue
        given.raw[key] = [*given.raw[key], {"id": kept.id}]
    given.files.clear()


def leave_files(given: Given, *, by: User) -> None:
    """Take no file off the draft because of what was typed: the page may not know yet what was just handed in."""
    before = draft_answers(by)
    for key, value in given.raw.items():
        if isinstance(value, list):
            given.raw[key] = [*value, *(entry for entry in before.get(key, []) if entry not in value)]


def keep_draft(form: FlaskForm, given: Given, *, by: User) -> None:
    """Remember everything that stands on the page; what stands elsewhere (another product's form) stays too."""
    fields = {each.name: each.data for each in form if each.name not in NOT_KEPT}
    _keep({"fields": fields, "answers": {**draft_answers(by), **given.raw}}, by=by)


def keep_versions(chosen: Mapping[int, str], *, by: User) -> None:
    """Remember the versions of APIs that were chosen, by the keys of their products."""
    if chosen:
        _keep({"versions": {**_part(by, "versions"), **{str(key): number for key, number in chosen.items()}}}, by=by)


def draft_answers(person: User) -> dict[str, Any]:
    """The answers that this person has begun to give."""
    return _part(person, "answers")


def draft_fields(person: User) -> dict[str, Any]:
    """What this person has typed into the cart's own fields."""
    return _part(person, "fields")


def draft_versions(person: User) -> dict[int, str]:
    """The versions of APIs that this person has chosen, by the keys of their products."""
    return {key: str(number) for text, number in _part(person, "versions").items() if (key := key_of(text))}


def take_away(file_id: int | None, given: Given, *, by: User) -> None:
    """Take a file back that was handed in by mistake."""
    held = forms.files_of([file_id] if file_id else [], by=by)
    for attachment in held.values():
        forms.remove_unsent(attachment, by=by)
    for key, value in given.raw.items():
        if isinstance(value, list):
            given.raw[key] = [entry for entry in value if entry.get("id") != file_id]


def usual(offered: Sequence[Environment], wanted: str = "") -> Environment | None:
    """The environment that was chosen, else test where it is offered, else the least delicate."""
    chosen = next((each for each in offered if each.value == wanted), None)
    return chosen or (Environment.TEST if Environment.TEST in offered else next(iter(offered), None))


def page_context(asked: Ask, given: Given, found: Weighed | None, *, by: User) -> dict[str, Any]:
    """What the page needs to draw the form, with faults beside their fields once they are wanted."""
    ids = forms.attachment_ids(given.raw)
    held = forms.files_of(ids, by=by)
    return {
        "asked": asked,
        "controls": forms.conditions_of(asked.fields),
        "raw": given.raw,
        "held": {
            key: [held[entry["id"]] for entry in value if entry.get("id") in held]
            for key, value in given.raw.items()
            if isinstance(value, list)
        },
        "faults": {**(found.errors if found else {}), **given.refused},
        "accepted": forms.ACCEPTED,
        "most_files": forms.MOST_FILES,
        "draft": forms.draft_of(by),
        "again": _used_again(asked, given),
        "linked": access.numbers_seen((each.number for each in given.earlier.values()), seen_by=by, own=True),
        "reviews": access.reviews_named(key for each in asked.own_fields for key in each.needed_by),
    }


def forms_seen(text: str) -> list[int]:
    """The request forms that were on the page, as its hidden field names them: newer ones have to be looked at."""
    return [key for part in text.split(",") if (key := key_of(part))]


def problems_of(refused: CartRejected | Conflict | None) -> list[str]:
    """What is said at the top of the page that was refused; what is wrong in a field stands at the field."""
    if isinstance(refused, CartRejected):
        return [problem.message for problem in refused.problems]
    return [refused.message] if refused is not None else []


def reason_faults(refused: CartRejected | Conflict | None) -> list[str]:
    """What is wrong with the reason that was given."""
    problems = refused.problems if isinstance(refused, CartRejected) else ()
    return [problem.message for problem in problems if problem.category is Category.REASON]


def _used_again(asked: Ask, given: Given) -> dict[str, Earlier]:
    """The answers that stand on the page as they were given before."""
    return {
        each.key: given.earlier[each.key]
        for each in asked.own_fields
        if each.key in given.earlier and forms.same_answer(each, given.raw.get(each.key), given.earlier[each.key].value)
    }


def _keep(parts: Mapping[str, Any], *, by: User) -> None:
    draft = forms.draft_of(by)
    forms.save_draft({**(draft.typed if draft is not None else {}), **parts}, by=by)


def _part(person: User, name: str) -> dict[str, Any]:
    draft = forms.draft_of(person)
    part = draft.typed.get(name) if draft is not None else None
    return dict(part) if isinstance(part, dict) else {}


def _references(texts: Iterable[str]) -> list[dict[str, Any]]:
    numbers = dict.fromkeys(number for text in texts if (number := key_of(text)))
    return [{"id": number} for number in islice(numbers, forms.MOST_FILES + 1)]  # one too many is told; no more are


def _read_files(each: Field, request: Request, given: Given) -> None:
    room = forms.MOST_FILES - len(given.raw[each.key])
    for upload in request.files.getlist(ANSWER + each.key):
        if not upload.filename:
            continue
        if room <= 0:
            given.refused[each.key] = f"{each.label} takes at most {forms.MOST_FILES} files."
            return
        if (file := _read(upload, each.key, given)) is not None:
            given.files.append((each.key, file))
            room -= 1


def _read_replacement(key: str, old_id: int, request: Request, given: Given) -> None:
    upload = request.files.get(f"{NEWER}{old_id}")
    if upload is not None and upload.filename and (file := _read(upload, key, given)) is not None:
        given.newer.append((key, old_id, file))


def _read(upload: FileStorage, key: str, given: Given) -> GivenFile | None:
    try:
        with upload.stream as stream:
            return forms.read_file(upload.filename or "", stream.read(forms.MOST_BYTES + 1))
    except Invalid as refusal:
        given.refused[key] = refusal.message
        return None
