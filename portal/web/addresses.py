"""Where people may be sent: paths of our own, and absolute addresses that only the settings can shape."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from flask import current_app

_DISGUISED = re.compile(r"%(?:[01][0-9a-f]|7f|2f|5c)", re.IGNORECASE)  # controls and slashes, for who decodes twice
_PATH = re.compile(r"/(?![/\\])[!#-\[\]^-~]*", re.ASCII)  # visible ASCII without blanks, quotes and backslashes


def own_path(text: str | None) -> str | None:
    r"""The text if it is a path on this site and can be read as nothing else, else None.

    Browsers read ``//host``, ``/\host``, tabs and control signs in ways of their own, so whatever is not plainly a
    path is refused, not mended.
    """
    if not text or not _PATH.fullmatch(text):
        return None
    parts = urlsplit(text)
    if (
        parts.scheme
        or parts.netloc
        or "//" in parts.path
        or "/../" in f"{parts.path}/"
        or _DISGUISED.search(parts.path)
    ):
        return None
    return text


def public_url(endpoint: str, **values: Any) -> str:
    """The absolute address of a view, built from PORTICO_BASE_URL: nothing that a request says can change it."""
    base = urlsplit(current_app.config["PORTICO"].base_url)
    adapter = current_app.url_map.bind(base.netloc, script_name=base.path or "/", url_scheme=base.scheme)
    return adapter.build(endpoint, values, force_external=True)
