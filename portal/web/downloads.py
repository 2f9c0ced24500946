"""Handing out files that strangers have given: to be kept, never to be shown or run by the browser."""

from __future__ import annotations

from io import BytesIO

from flask import Flask, Response, send_file
from jinja2.filters import do_filesizeformat

INERT = "default-src 'none'; sandbox; frame-ancestors 'none'"


def kept_file(name: str, media_type: str, content: bytes) -> Response:
    """The file as a download. Even if a browser were made to open it, it could run and fetch nothing."""
    answer = send_file(BytesIO(content), media_type, as_attachment=True, download_name=name, etag=False)
    answer.headers["Content-Security-Policy"] = INERT
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "no-store"
    return answer


def register_sizes(app: Flask) -> None:
    """Let pages say how large a file is."""
    app.add_template_filter(file_size)


def file_size(size: int) -> str:
    """How large a file is, as pages say it: "1 byte", "14 bytes", "2.4 kB"."""
    return do_filesizeformat(size).replace("Byte", "byte")
