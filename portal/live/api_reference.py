"""The pages of Portico's own API: every call as a list, and the full reference in the browser's viewer."""

from __future__ import annotations

from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue

from portal.live.product import rendered
from portal.web import public, render
from portal.web.own_api import own_api

bp = Blueprint("api_reference", __name__)
SAMPLE = """\
curl --header "Authorization: Bearer $PORTICO_TOKEN" --header "Idempotency-Key: release-42" \\
  --json '{{"app": 12, "plan": "gold", "products": ["payments"], "environment": "test", "reason": "Spring launch"}}' \\
  {base_url}/api/v1/requests"""


@bp.get("/api-reference")
@public
def show() -> ResponseReturnValue:
    """What programs can call, without JavaScript."""
    own = own_api().read
    return render(
        "live/api_reference/show.html",
        title="The API of this portal",
        chosen=own,
        operations=own.operations,
        markdown=rendered,
        sample=SAMPLE.format(base_url=current_app.config["PORTICO"].base_url),
    )


@bp.get("/api-reference/full")
@public
def full() -> ResponseReturnValue:
    """The full reference; the browser's viewer fetches the document after the page."""
    title = "The API of this portal: full reference"
    return render("live/api_reference/full.html", title=title, chosen=own_api().read)
