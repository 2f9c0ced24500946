"""Security headers on every answer. The policy allows our own origin and nothing inline."""

from __future__ import annotations

from flask import Flask, Response, request

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
TRANSPORT_SECURITY = "max-age=63072000; includeSubDomains"


def register_headers(app: Flask) -> None:
    """Put the headers on every answer; over TLS also strict transport security."""

    def add(answer: Response) -> Response:
        for name, value in ALWAYS.items():
            answer.headers.setdefault(name, value)
        if app.config["PORTICO"].is_secure:
            answer.headers.setdefault("Strict-Transport-Security", TRANSPORT_SECURITY)
        answer.vary.add("HX-Request")
        if request.endpoint not in {"static", "bootstrap.static"}:
            answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    app.after_request(add)
