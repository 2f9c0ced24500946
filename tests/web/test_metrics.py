"""The numbers for operators, and who may read them."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.usefixtures("app")
ELSEWHERE = {"REMOTE_ADDR": "203.0.113.7"}


def test_this_machine_reads_how_much_was_answered_and_how_much_waits(app):
    visitor = app.test_client()
    visitor.get("/healthz")

    answer = visitor.get("/metrics")

    assert answer.status_code == 200
    assert "portico_http_requests_total{" in answer.text
    assert "portico_outbox_waiting 0.0" in answer.text
    assert "portico_requests_stuck 0.0" in answer.text


@pytest.mark.parametrize(
    ("public", "status"), [(False, 404), (True, 200)], ids=["unless it is said", "when the settings say so"]
)
def test_others_read_them_only_when_the_settings_say_so(app, monkeypatch, public, status):
    monkeypatch.setattr(app.config["PORTICO"], "metrics_public", public)

    assert app.test_client().get("/metrics", environ_base=ELSEWHERE).status_code == status
    assert app.test_client().get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == status
