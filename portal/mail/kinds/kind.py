"""What a kind of mail is, and the sample values that most kinds share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NUMBER = "AR-2026-000123"
EVERYWHERE = {"recipient_name": "Ada Lovelace", "site_name": "Portico"}
REQUEST = {
    "number": NUMBER,
    "app_name": "Route planner",
    "products": "Payments API, Weather API",
    "plan": "Gold",
}


@dataclass(frozen=True)
class MailKind:
    """One kind of mail. ``placeholders`` maps each name that its texts may hold to a sample value."""

    name: str
    title: str
    recipients: str
    when: str
    placeholders: Mapping[str, str]
