"""Whether a form is filled in completely, told field by field.

Pure: definitions and answers in, answers or faults out. What is hidden is neither asked for nor kept (C20), and an
answer that was accepted once is accepted again, so that stored answers can be checked like typed ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from portal.blanks import is_blank
from portal.errors import Invalid
from portal.forms.fields import LONGEST_LABEL, MOST_NUMBER, NOT_IN_A_LINE, Field, FieldType

LONGEST_LINK = 2000
MOST_FILES = 5
UNWANTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
NUMBER = re.compile(r"[+-]?[0-9]{1,16}(\.[0-9]{1,6})?", re.ASCII)


class FormErrors(Invalid):
    """The form is not complete; ``errors`` says by field key what is missing or wrong, in the form's order."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


class _Wrong(Exception):
    """What is wrong with one answer."""


@dataclass(frozen=True)
class Weighed:
    """What a form holds: the answers that stand, what is wrong where, and which fields are shown at all."""

    answers: dict[str, Any]
    errors: dict[str, str]
    shown: frozenset[str]


def check(fields: Sequence[Field], raw: Mapping[str, Any], *, given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The answers as they are stored. Raises FormErrors with everything that is missing or wrong.

    ``given`` holds what is answered outside of the form (the environment), for conditions to ask.
    """
    found = weigh(fields, raw, given=given)
    if found.errors:
        raise FormErrors(found.errors)
    return found.answers


def weigh(fields: Sequence[Field], raw: Mapping[str, Any], *, given: Mapping[str, str] | None = None) -> Weighed:
    """The same without raising, for a page that shows good answers beside faults."""
    answers: dict[str, Any] = {}
    errors: dict[str, str] = {}
    shown: set[str] = set()
    for field in fields:
        if not is_shown(field, answers, given or {}):
            continue
        shown.add(field.key)
        try:
            value = _PARSERS[field.type](field, raw.get(field.key))
        except _Wrong as wrong:
            errors[field.key] = str(wrong)
            continue
        if value is not None:
            answers[field.key] = value
        elif field.required:
            errors[field.key] = _missing(field)
    errors |= _groups_without_answer(fields, shown, answers, errors)
    return Weighed(answers, {f.key: errors[f.key] for f in fields if f.key in errors}, frozenset(shown))


def is_shown(field: Field, answers: Mapping[str, Any], given: Mapping[str, str]) -> bool:
    """Whether the field is asked for, as the answers to the fields above it stand."""
    if field.shown_if is None:
        return True
    answer = answers.get(field.shown_if.field, given.get(field.shown_if.field))
    said = {True: "yes", False: "no"}.get(answer) if isinstance(answer, bool) else answer
    return said in field.shown_if.answers


def missing_for(
    stage: str, fields: Sequence[Field], answers: Mapping[str, Any], *, given: Mapping[str, str] | None = None
) -> list[str]:
    """The labels of the fields without which this stage cannot be approved (C18, C21)."""
    return [
        field.label
        for field in fields
        if stage in field.needed_by and field.key not in answers and is_shown(field, answers, given or {})
    ]


def read_answer(field: Field, raw: Any) -> Any:
    """The answer as it would be stored; None for no answer, or for one that is not good."""
    try:
        return _PARSERS[field.type](field, raw)
    except _Wrong:
        return None


def same_answer(field: Field, one: Any, other: Any) -> bool:
    """Whether these two would be stored as the same answer; it does not matter when a link was given."""
    first, second = _undated(read_answer(field, one)), _undated(read_answer(field, other))
    return first is not None and first == second


def is_link(text: str) -> bool:
    """Whether this is an absolute http or https URL without a password in it."""
    try:
        parts = urlsplit(text)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    clean = "@" not in parts.netloc and not re.search(r"[\s<>\"'\\^`]", text)
    return named and clean and parts.scheme in ("http", "https") and not NOT_IN_A_LINE.search(text)


def _undated(value: Any) -> Any:
    return {name: part for name, part in value.items() if name != "at"} if isinstance(value, dict) else value


def _missing(field: Field) -> str:
    if field.type in (FieldType.CHOICE, FieldType.YES_NO):
        return f"{field.label}: choose an answer."
    return f"{field.label}: add a file." if field.type is FieldType.FILE else f"{field.label} is missing."


def _groups_without_answer(
    fields: Sequence[Field], shown: Iterable[str], answers: Mapping[str, Any], errors: Mapping[str, str]
) -> dict[str, str]:
    groups: dict[str, list[Field]] = {}
    for field in fields:
        if field.one_of and field.key in shown:
            groups.setdefault(field.one_of, []).append(field)
    found = {}
    for members in groups.values():
        if not any(field.key in answers or field.key in errors for field in members):
            names = " or ".join(f"“{field.label}”" for field in members)
            found[members[0].key] = f"At least one is needed: {names}." if len(members) > 1 else _missing(members[0])
    return found


def _text(field: Field, value: Any) -> str | None:
    text = _words(field, value).replace("\r\n", "\n").replace("\r", "\n")
    if not text:
        return None
    if UNWANTED.search(text) or (not field.is_long and NOT_IN_A_LINE.search(text)):
        raise _Wrong(f"{field.label} contains line breaks or characters that cannot be shown.")
    if len(text) < (field.min_length or 0):
        raise _Wrong(f"{field.label} is too short: {len(text):,} characters where {field.min_length:,} are needed.")
    if len(text) > field.longest:
        raise _Wrong(f"{field.label} is too long: {len(text):,} characters where {field.longest:,} fit.")
    return text


def _choice(field: Field, value: Any) -> str | None:
    text = _words(field, value)
    if text and text not in field.values:
        raise _Wrong(f"{field.label}: choose one of the answers that are offered.")
    return text or None


def _number(field: Field, value: Any) -> int | float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    text = re.sub(r"(?<=\d)[, _'](?=\d{3}(?!\d))", "", _words(field, value))
    if not text:
        return None
    if not NUMBER.fullmatch(text):
        raise _Wrong(f"{field.label}: enter a number, such as 1000.")
    number = float(text) if "." in text else int(text)
    number = int(number) if number == int(number) else number
    if not (-MOST_NUMBER if field.least is None else field.least) <= number:
        raise _Wrong(f"{field.label} must be at least {field.least if field.least is not None else -MOST_NUMBER:,}.")
    if not number <= (MOST_NUMBER if field.most is None else field.most):
        raise _Wrong(f"{field.label} must be at most {field.most if field.most is not None else MOST_NUMBER:,}.")
    return number


def _date(field: Field, value: Any) -> str | None:
    text = _words(field, value)
    if not text:
        return None
    try:
        if not re.fullmatch(r"(19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
            raise ValueError
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise _Wrong(f"{field.label}: enter a date as year-month-day, such as 2026-11-30.") from None


def _link(field: Field, value: Any) -> dict[str, str] | None:
    parts = value if isinstance(value, Mapping) else {"url": value}
    url, title = (_words(field, parts.get(name)) for name in ("url", "title"))
    if not url:
        if title:
            raise _Wrong(f"{field.label} has a title but no address.")
        return None
    if len(url) > LONGEST_LINK or not is_link(url):
        raise _Wrong(f"{field.label} must be an address such as https://docs.example.com/design.")
    if len(title) > LONGEST_LABEL or NOT_IN_A_LINE.search(title):
        raise _Wrong(f"{field.label}: the title must be one line of at most {LONGEST_LABEL} characters.")
    at = parts.get("at")
    return {"url": url, "title": title or urlsplit(url).hostname or url} | ({"at": at} if isinstance(at, str) else {})


def _files(field: Field, value: Any) -> list[dict[str, Any]] | None:
    files = [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list | tuple) else []
    if len(files) > MOST_FILES:
        raise _Wrong(f"{field.label} takes at most {MOST_FILES} files.")
    return [dict(entry) for entry in files] or None


def _yes_no(field: Field, value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    text = _words(field, value)
    if text not in ("", "yes", "no"):
        raise _Wrong(f"{field.label}: choose yes or no.")
    return {"yes": True, "no": False}.get(text)


def _words(field: Field, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Wrong(f"{field.label} cannot be read.")
    return "" if is_blank(value) else value.strip()


_PARSERS: dict[FieldType, Callable[[Field, Any], Any]] = {
    FieldType.TEXT: _text,
    FieldType.CHOICE: _choice,
    FieldType.NUMBER: _number,
    FieldType.DATE: _date,
    FieldType.FILE: _files,
    FieldType.LINK: _link,
    FieldType.YES_NO: _yes_no,
}
