"""The form that Portico ships: what reviewers of API access ask nearly everywhere. A starting point for own forms."""

from __future__ import annotations

from typing import Any

STANDARD_KEY = "standard"
STANDARD_NAME = "Standard request form"

_OUTSIDE = {"field": "audience", "is": ["external"]}
_LIVE = {"field": "environment", "is": ["prod"]}

STANDARD_FIELDS: list[dict[str, Any]] = [
    {
        "key": "title",
        "label": "Title",
        "type": "text",
        "required": True,
        "min_length": 5,
        "max_length": 120,
        "help": "A few words by which everybody will know this request.",
    },
    {
        "key": "purpose",
        "label": "Purpose",
        "type": "text",
        "required": True,
        "min_length": 40,
        "max_length": 4000,
        "help": "What you build, for whom, and what these APIs do in it.",
    },
    {
        "key": "environment",
        "label": "Environment",
        "type": "choice",
        "required": True,
        "feeds": "environment",
        "choices": [
            {"value": "dev", "label": "Development"},
            {"value": "test", "label": "Test"},
            {"value": "prod", "label": "Production"},
        ],
    },
    {
        "key": "audience",
        "label": "Who will use it",
        "type": "choice",
        "required": True,
        "feeds": "audience",
        "help": "External means that people or systems outside of your organisation use what you build.",
        "choices": [
            {"value": "internal", "label": "Internal: only our own people and systems"},
            {"value": "external", "label": "External: customers, partners or the public"},
        ],
    },
    {
        "key": "auth_method",
        "label": "Authentication method",
        "type": "choice",
        "required": True,
        "feeds": "auth_method",
        "choices": [
            {"value": "oauth2_client_credentials", "label": "OAuth 2.0 client credentials"},
            {"value": "api_key", "label": "API key"},
            {"value": "jwt", "label": "JWT"},
            {"value": "none", "label": "None"},
        ],
    },
    {
        "key": "access_level",
        "label": "Access level",
        "type": "choice",
        "required": True,
        "feeds": "access_level",
        "choices": [
            {"value": "read", "label": "Read only"},
            {"value": "write", "label": "Read and write"},
            {"value": "admin", "label": "Administration"},
        ],
    },
    {
        "key": "expected_volume",
        "label": "Expected volume",
        "type": "number",
        "required": True,
        "least": 0,
        "feeds": "expected_volume",
        "help": "Calls a day, roughly.",
    },
    {
        "key": "secrets",
        "label": "Where secrets will be kept",
        "type": "text",
        "required": True,
        "min_length": 10,
        "max_length": 1000,
        "help": "For example the name of your secret manager. Not in code, not in a file beside it.",
    },
    {
        "key": "documentation_file",
        "label": "Documentation",
        "type": "file",
        "one_of": "documentation",
        "help": "A design, a specification, a Postman collection. A file or a link, at least one of both.",
    },
    {
        "key": "documentation_link",
        "label": "Link to documentation",
        "type": "link",
        "one_of": "documentation",
    },
    {
        "key": "exposure",
        "label": "Data exposure risk",
        "type": "choice",
        "feeds": "exposure",
        "needed_by": ["security"],
        "help": "The most delicate data that passes through. A security review cannot be finished without this.",
        "choices": [
            {"value": "none", "label": "None: public data only"},
            {"value": "internal", "label": "Low: internal data"},
            {"value": "customer", "label": "Medium: customer data"},
            {"value": "sensitive", "label": "High: personal, financial or health data"},
        ],
    },
    {
        "key": "encryption",
        "label": "Encryption",
        "type": "text",
        "max_length": 1000,
        "shown_if": _OUTSIDE,
        "needed_by": ["security"],
        "again": True,
        "help": "How data is protected on its way and at rest.",
    },
    {
        "key": "token_handling",
        "label": "Token handling",
        "type": "text",
        "max_length": 1000,
        "shown_if": _OUTSIDE,
        "needed_by": ["security"],
        "again": True,
        "help": "Who or what sees access tokens, how long they are kept, and how they are renewed.",
    },
    {
        "key": "rate_limits",
        "label": "Rate limits",
        "type": "text",
        "max_length": 1000,
        "shown_if": _OUTSIDE,
        "needed_by": ["security"],
        "again": True,
        "help": "How you keep your own callers from flooding these APIs.",
    },
    {
        "key": "secret_readers",
        "label": "Who can read the secrets",
        "type": "text",
        "max_length": 1000,
        "shown_if": _LIVE,
        "needed_by": ["security"],
        "again": True,
        "help": "People and systems that can see client secrets or keys, and who decides who they are.",
    },
    {
        "key": "secret_rotation",
        "label": "How often secrets are rotated",
        "type": "choice",
        "shown_if": _LIVE,
        "needed_by": ["security"],
        "again": True,
        "choices": [
            {"value": "quarter", "label": "At least every three months"},
            {"value": "year", "label": "At least once a year"},
            {"value": "incident", "label": "Only when one may have become known"},
        ],
    },
    {
        "key": "call_origin",
        "label": "Where calls come from",
        "type": "choice",
        "shown_if": _LIVE,
        "needed_by": ["security"],
        "again": True,
        "help": "The network that the app calls from.",
        "choices": [
            {"value": "fixed", "label": "Fixed addresses of our own"},
            {"value": "vpn", "label": "A private network or VPN"},
            {"value": "anywhere", "label": "Anywhere, such as a cloud without fixed addresses"},
        ],
    },
]
