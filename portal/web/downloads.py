"""Handing out files that strangers have given: to be kept, never to be shown or run by the browser."""

from __future__ import annotations

from io import BytesIO

from flask import Response, send_file

INERT = "default-src 'none'; sandbox; frame-ancestors 'none'"


def kept_file(name: str, media_type: str, content: bytes) -> Response:
    """The file as a download. Even if a browser were made to open it, it could run and fetch nothing."""
    answer = send_file(BytesIO(content), media_type, as_attachment=True, download_name=name, etag=False)
    answer.headers["Content-Security-Policy"] = INERT
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "no-store"
    return answer
