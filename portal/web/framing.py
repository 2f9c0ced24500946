"""Showing text that is not ours to trust (the HTML of a mail) inside one of our pages, where it can do nothing."""

from __future__ import annotations

from flask import Response

# No script runs, nothing is fetched from elsewhere, no form is sent. Mails are styled by attributes, so those may be.
FRAME_POLICY = (
    "sandbox {sandbox}; default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def framed(answer: Response, *, links: bool = False) -> Response:
    """The answer as our own pages may show it in a frame; ``links`` lets a click on a link leave the frame."""
    sandbox = "allow-same-origin" + (" allow-top-navigation-by-user-activation" if links else "")
    answer.headers["Content-Security-Policy"] = FRAME_POLICY.format(sandbox=sandbox)
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer
