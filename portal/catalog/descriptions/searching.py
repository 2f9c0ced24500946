"""Words for the search, and names for addresses."""

from __future__ import annotations

import re
import unicodedata

from portal.catalog.descriptions.model import Description

TEXT_LENGTH = 50_000
LATIN = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "å": "a", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "œ": "oe"})


def searchable_text(description: Description, length: int = TEXT_LENGTH) -> str:
    """The words by which the description should be found, the telling ones first, cut at a length."""
    parts = [description.title, description.summary, *description.tags, *description.scopes]
    parts.append(description.description[: length // 4])
    for operation in description.operations:
        parts += (operation.path, operation.summary or operation.operation_id)
    found: dict[str, None] = {}
    size = 0
    for part in parts:
        words = " ".join(part.split())
        if words and words not in found:
            found[words] = None
            size += len(words) + 1
        if size > length:
            break
    return "\n".join(found)[:length]


def slug_of(title: str, length: int = 60) -> str:
    """A name for addresses: small letters, digits and hyphens; empty if the title has none of them."""
    plain = unicodedata.normalize("NFKD", title[:1_000].casefold().translate(LATIN))
    words = re.findall(r"[a-z0-9]+", re.sub(r"['’]", "", plain.encode("ascii", "ignore").decode()))
    slug = "-".join(words)
    return slug if len(slug) <= length else slug[: length + 1].rpartition("-")[0] or slug[:length]
