"""Reads API descriptions: OpenAPI 2.0 to 3.2, in JSON or YAML, from files that strangers wrote.

Nothing outside the file is ever fetched or read, work is bounded, and a file that breaks rules of the specification is
read all the same with its faults listed. Only what cannot be read, or would be dangerous to keep, is ``Refused``.
``check`` runs the strict validator, which takes seconds for large files: call it outside web requests.
"""

from portal.catalog.descriptions.model import (
    DEFAULT,
    Description,
    Fault,
    Limits,
    Operation,
    Parameter,
    Refused,
    Response,
    SecurityScheme,
    Severity,
)
from portal.catalog.descriptions.reading import read
from portal.catalog.descriptions.searching import searchable_text, slug_of

__all__ = [
    "DEFAULT",
    "Description",
    "Fault",
    "Limits",
    "Operation",
    "Parameter",
    "Refused",
    "Response",
    "SecurityScheme",
    "Severity",
    "check",
    "read",
    "searchable_text",
    "slug_of",
]


def check(description: Description) -> list[Fault]:
    """What the strict validator finds wrong. May take seconds; never raises, never fetches, and stops at its limits."""
    from portal.catalog.descriptions.checking import check_strictly  # heavy: only those who check pay for it

    return check_strictly(description)
