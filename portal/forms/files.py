"""What may be handed in as a file: known kinds only, told by name and by content, under a name that harms nobody."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from portal.errors import Invalid

MOST_BYTES = 5 * 1024 * 1024
LONGEST_NAME = 120
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff<>:\"/\\|?*;%]")
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


def _text(content: bytes) -> bool:
    try:
        return "\x00" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _json(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict | list)
    except (ValueError, RecursionError):
        return False


@dataclass(frozen=True)
class Kind:
    """One kind of file: how it is served, and how its content is recognised."""

    media_type: str
    word: str
    recognise: Callable[[bytes], bool]


def _begins(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(marks)


KINDS: dict[str, Kind] = {
    "json": Kind("application/json", "JSON", _json),
    "yaml": Kind("application/yaml", "YAML", _text),
    "yml": Kind("application/yaml", "YAML", _text),
    "pdf": Kind("application/pdf", "PDF", _begins(b"%PDF-")),
    "png": Kind("image/png", "PNG", _begins(b"\x89PNG\r\n\x1a\n")),
    "jpg": Kind("image/jpeg", "JPEG", _begins(b"\xff\xd8\xff")),
    "jpeg": Kind("image/jpeg", "JPEG", _begins(b"\xff\xd8\xff")),
    "txt": Kind("text/plain", "text", _text),
    "md": Kind("text/markdown", "Markdown", _text),
    "zip": Kind("application/zip", "ZIP", _begins(b"PK\x03\x04", b"PK\x05\x06")),
}
ACCEPTED = ", ".join(f".{ending}" for ending in KINDS)


@dataclass(frozen=True)
class GivenFile:
    """A file that may be kept: its safe name, its kind and its bytes."""

    name: str
    media_type: str
    content: bytes


def read_file(name: str, content: bytes) -> GivenFile:
    """The file as it may be kept. Raises Invalid, in words for whoever chose it."""
    safe = safe_name(name)
    kind = KINDS.get(safe.rsplit(".", 1)[-1].lower()) if "." in safe else None
    if kind is None:
        raise Invalid(f"{safe} cannot be handed in. These kinds can: {', '.join(KINDS)}.")
    if not content:
        raise Invalid(f"{safe} is empty.")
    if len(content) > MOST_BYTES:
        raise Invalid(f"{safe} is too large: at most {MOST_BYTES // 1024 // 1024} MB fit.")
    if not kind.recognise(content):
        raise Invalid(f"{safe} is not a {kind.word} file, whatever its name says.")
    return GivenFile(safe, kind.media_type, content)


def safe_name(name: str) -> str:
    """A name without folders, control or direction marks, and nothing that a system treats in a special way."""
    last = re.split(r"[/\\]", name.replace("\x00", ""))[-1]
    plain = re.sub(r"\s+", " ", UNSAFE.sub("_", unicodedata.normalize("NFC", last)))
    plain = plain.strip(". ") or "file"
    if RESERVED.match(plain):
        plain = f"_{plain}"
    if len(plain) <= LONGEST_NAME:
        return plain
    stem, dot, ending = plain.rpartition(".")
    if dot and len(ending) <= 10:
        return stem[: LONGEST_NAME - len(ending) - 1].rstrip(". ") + "." + ending
    return plain[:LONGEST_NAME]
