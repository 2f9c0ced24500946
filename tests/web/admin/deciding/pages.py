"""Requests that are being decided: where they stand in the Admin Portal, and which mails went out about them."""

from portal.db import db
from portal.events import OutboxMessage
from tests.support.builders import make_plan, make_product, make_request

QUEUE = "/admin/access-requests"


def judged_by_policy():
    """A request on a plan that asks nobody: only the stages of the policy are in its way."""
    plan = make_plan(auto_approve=True)
    return make_request(None, make_product(plans=[plan]), plan=plan)


def at(request):
    return f"{QUEUE}/{request.number}"


def mails(kind):
    return db.session.query(OutboxMessage).filter_by(kind=kind).all()
