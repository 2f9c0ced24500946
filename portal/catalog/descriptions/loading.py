"""From the bytes of a file to its tree: JSON first, then YAML."""

from __future__ import annotations

import json
from typing import Any

import yaml

from portal.catalog.descriptions.jsontree import load_json
from portal.catalog.descriptions.model import Faults, Limits, Refused, Severity, Tree, shorten
from portal.catalog.descriptions.recognise import WANTED, refuse_by_signature
from portal.catalog.descriptions.text import decode
from portal.catalog.descriptions.yamltree import load_yaml


def load(raw: bytes, limits: Limits, faults: Faults) -> tuple[dict[str, Any], str]:
    """The mapping that the file holds, and whether it was ``json`` or ``yaml``."""
    if len(raw) > limits.size:
        raise Refused(
            f"The file is too large: {megabytes(len(raw))} MB, where {megabytes(limits.size)} MB are the limit."
        )
    if not raw.strip():
        raise Refused("The file is empty.")
    refuse_by_signature(raw)
    tree, encoding = parse(decode(raw, faults), limits, faults)
    if not isinstance(tree, dict):
        raise Refused(
            f"This is not an API description: at its top level stands {kind_of(tree)}, not a mapping. {WANTED}"
        )
    return tree, encoding


def parse(text: str, limits: Limits, faults: Faults) -> tuple[Tree, str]:
    """The tree and the notation it was written in."""
    if text.lstrip(" \t\r\n")[:1] not in ("{", "["):
        return parse_yaml(text, limits, faults), "yaml"
    try:
        return load_json(text, limits, faults), "json"
    except json.JSONDecodeError as error:
        return parse_almost_json(text, error, limits, faults), "yaml"


def parse_almost_json(text: str, error: json.JSONDecodeError, limits: Limits, faults: Faults) -> Tree:
    """What begins like JSON and is not: YAML in braces (commas at the end, comments), or a broken file."""
    place = f"line {error.lineno}, column {error.colno}"
    reason = error.msg[:1].lower() + error.msg[1:]
    try:
        tree = load_yaml(text, limits, faults)
    except (yaml.YAMLError, UnicodeEncodeError):
        raise Refused(f"The file cannot be read as JSON: {place}: {reason}.") from None
    faults.add(place, f"The file is not valid JSON ({reason}); it was read as YAML.", Severity.ERROR)
    return tree


def parse_yaml(text: str, limits: Limits, faults: Faults) -> Tree:
    """The tree of a YAML file."""
    try:
        return load_yaml(text, limits, faults)
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise Refused(f"The file cannot be read as YAML: {reason_of(error)}.") from None


def reason_of(error: Exception) -> str:
    """The place and the reason that the YAML parser gives, in one line."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        return place + shorten(str(error.problem or error.context or "not understood"), 200)
    if isinstance(error, yaml.reader.ReaderError):
        return "it contains a control character that YAML does not allow"
    return "it contains characters that are not text"


def kind_of(tree: Tree) -> str:
    """What a value is, in a word that people know."""
    if tree is None:
        return "nothing"
    if isinstance(tree, bool):
        return "true or false"
    if isinstance(tree, (int, float)):
        return "a number"
    if isinstance(tree, str):
        return "plain text"
    return "a list" if isinstance(tree, list) else "a mapping"


def megabytes(size: int) -> str:
    """A size in megabytes, with one digit after the point where that matters."""
    return f"{size / (1024 * 1024):.1f}".removesuffix(".0")
