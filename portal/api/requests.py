"""Access requests: ask, look, delete. What comes of them is decided as for every other request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge

from portal import access, apps
from portal.access import AccessRequest, Order
from portal.accounts import Right, User
from portal.api.guard import for_people_who
from portal.catalog import Environment
from portal.db import transaction
from portal.errors import Invalid, NotFound
from portal.web.errors import problem
from portal.web.lists import key_in_url

bp = Blueprint("api", __name__, url_prefix="/api/v1")
MOST_BYTES = 256 * 1024
PAGE_SIZE = 50
LONGEST_NAME = 200  # of slugs and client ids: what is not known is repeated in the refusal
FIELDS = frozenset({"app", "products", "plan", "catalogue", "environment", "reason", "answers", "client_id"})


@bp.post("/requests")
@for_people_who(Right.REQUEST_ACCESS)
def create(person: User) -> Response:
    """Ask for access for one of the person's apps: 201 with the requests, one for each catalogue that is needed."""
    if request.mimetype != "application/json":
        return problem(415, "Send JSON (Content-Type: application/json).")
    request.max_content_length = MOST_BYTES  # also of what comes in chunks, whose length nobody has said
    try:
        content = request.get_data()
    except RequestEntityTooLarge:
        return problem(413, f"Send at most {MOST_BYTES // 1024} KiB.")
    body = _body(content)
    order, key = _order(body), request.headers.get("Idempotency-Key", "")
    access.look_up(order, apps.find_app(_app_id(body), seen_by=person), by=person)
    with transaction():
        app = apps.find_app(_app_id(body), seen_by=person)
        if app is None or not app.is_visible_to(person):
            raise Invalid("You have no app with this number.", field="app")
        numbers = [made.number for made in access.ask_for(order, app, by=person, key=key, content=content)]
    made = [_described(_found(number, person)) for number in numbers]
    answer = jsonify(requests=made)
    answer.status_code = 201
    answer.headers["Location"] = made[0]["url"]
    return answer


@bp.get("/requests")
@for_people_who(Right.REQUEST_ACCESS)
def index(person: User) -> Response:
    """The person's own requests, the newest first; ``next`` is where the older ones are."""
    before = key_in_url("before") or None
    status = request.args.get("status", "")
    if status and status not in set(access.RequestStatus):
        raise Invalid(f"status is one of {', '.join(access.RequestStatus)}.", field="status")
    rows = access.requests_of(person, status=status, before_id=before, size=PAGE_SIZE + 1)
    page, more = rows[:PAGE_SIZE], len(rows) > PAGE_SIZE
    following = url_for("api.index", before=page[-1].id, status=status or None) if more else None
    return jsonify(requests=[_described(row) for row in page], next=_absolute(following) if following else None)


@bp.get("/requests/<number:number>")
@for_people_who(Right.REQUEST_ACCESS)
def show(person: User, number: str) -> Response:
    """One request as it stands, with an ETag: whoever waits asks again with If-None-Match."""
    answer = jsonify(_described(_found(number, person)))
    answer.set_etag(hashlib.sha256(answer.get_data()).hexdigest()[:32])
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.make_conditional(request)
    return answer


@bp.delete("/requests/<number:number>")
@for_people_who(Right.REQUEST_ACCESS)
def delete(person: User, number: str) -> Response:
    """Withdraw a pending request, or end what an approved one gave (T58). Its record stays."""
    with transaction():
        access.end_request(_found(number, person), by=person)
    return jsonify(_described(_found(number, person)))


def _found(number: str, person: User) -> AccessRequest:
    found = access.find_request(number, seen_by=person)
    if found is None or found.requester_id != person.id:
        raise NotFound("You have made no such request.")
    return found


def _body(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise Invalid("This is not JSON.") from None
    if not isinstance(body, dict):
        raise Invalid("Send an object.")
    unknown = sorted(set(body) - FIELDS)
    if unknown:
        raise Invalid(f"There is no field {unknown[0][:60]}. The fields are: {', '.join(sorted(FIELDS))}.")
    for name, value in body.items():
        if not all(_is_storable(text) for text in _texts_in(value)):
            raise Invalid(f"{name} holds a character that cannot be stored.", field=name)
    return body


def _texts_in(value: Any) -> Iterator[str]:
    """Every text in a value of JSON, names of members included."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            waiting += [*part, *part.values()]
        elif isinstance(part, list):
            waiting += part


def _is_storable(text: str) -> bool:
    """Whether a database can hold it: no NUL, and no half of a pair of UTF-16."""
    return "\0" not in text and text.encode("utf-8", "ignore").decode() == text


def _app_id(body: dict[str, Any]) -> int:
    number = body.get("app")
    if type(number) is not int or not 0 < number < 2**63:
        raise Invalid("Name the app by its number, which its page shows as App ID.", field="app")
    return number


def _order(body: dict[str, Any]) -> Order:
    products, answers = body.get("products"), body.get("answers", {})
    if not isinstance(products, list) or not all(isinstance(slug, str) for slug in products):
        raise Invalid("Name the products in a list of their slugs.", field="products")
    if any(len(slug) > LONGEST_NAME for slug in products):
        raise Invalid(f"A slug has at most {LONGEST_NAME} characters.", field="products")
    if not isinstance(answers, dict):
        raise Invalid("Give the answers as an object: key of the question, answer.", field="answers")
    texts = {name: body.get(name, "") for name in ("plan", "catalogue", "environment", "reason", "client_id")}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise Invalid(f"{name} has to be a text.", field=name)
        if name != "reason" and len(text) > LONGEST_NAME:
            raise Invalid(f"{name} has at most {LONGEST_NAME} characters.", field=name)
    wanted = texts["environment"] or Environment.TEST.value
    if wanted not in set(Environment):
        raise Invalid(f"environment is one of {', '.join(Environment)}.", field="environment")
    if not texts["plan"]:
        raise Invalid("Name the plan by its slug.", field="plan")
    return Order(
        products=products,
        plan=texts["plan"],
        catalogue=texts["catalogue"],
        environment=Environment(wanted),
        reason=texts["reason"],
        answers=answers,
        client_id=texts["client_id"],
    )


def _described(asked: AccessRequest) -> dict[str, Any]:
    given = asked.status is access.RequestStatus.APPROVED and asked.credential is not None
    return {
        "number": asked.number,
        "url": _absolute(url_for("api.show", number=asked.number)),
        "page": _absolute(url_for("live.requests.show", number=asked.number)),
        "status": asked.status.value,
        "kind": asked.kind.value,
        "auto_approved": asked.auto_approved,
        "app": {"id": asked.app_id, "name": asked.app.name},
        "plan": asked.plan.slug,
        "environment": asked.environment.value,
        "products": [
            {
                "slug": item.product.slug,
                "name": item.product.name,
                "scopes": item.granted_scopes,
                "version": item.api_version or None,
                "declined": item.declined,
            }
            for item in asked.items
        ],
        "reason": asked.reason,
        "awaits": [access.awaited(stage) for stage in asked.open_stages],
        "client_id": asked.credential.client_id if given and asked.credential is not None else None,
        "submitted_at": asked.submitted_at.isoformat(),
        "decided_at": asked.decided_at.isoformat() if asked.decided_at else None,
    }


def _absolute(path: str) -> str:
    return f"{current_app.config['PORTICO'].base_url}{path}"
