"""Compliance, architects and IT delivery at work: who decides what, what the record keeps, and when it is over."""

import pytest

from portal import access, forms
from portal.access import CartRejected, RequestStatus, StageState
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.credentials import Credential
from portal.db import db, now, transaction
from portal.errors import Conflict, Invalid, NotAllowed
from portal.events import EventKind, OutboxMessage
from portal.policies import shipped_policies
from tests.support.builders import (
    demanding,
    fill_cart,
    make_app,
    make_group,
    make_plan,
    make_policy,
    make_product,
    make_request,
    make_user,
)
from tests.support.records import events_of

pytestmark = pytest.mark.usefixtures("app")


def approve(request, person, **saying):
    with transaction():
        access.approve(request, by=person, saying=access.Approval(**saying))


def stage_of(request, key):
    return next(stage for stage in request.stages if stage.key == key)


def approval_mails():
    db.session.expire_all()
    return db.session.query(OutboxMessage).filter(OutboxMessage.kind == "approve").count()


@pytest.mark.parametrize(
    ("stage", "group"), [("compliance", "compliance"), ("architect", "architects"), ("legal", "legal")]
)
def test_C30_C31_a_group_decides_its_stage_of_every_product_and_nothing_else(stage, group):
    member = make_user()
    make_group(group, member)
    make_policy(demanding("owner", stage), order=[["owner", stage]])
    owners = [make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)]
    for owner in owners:
        asked = make_request(owner=owner)
        with pytest.raises(NotAllowed), transaction():
            access.approve(asked, by=member, saying=access.Approval(stage_id=stage_of(asked, "owner").id))
        with pytest.raises(NotAllowed), transaction():
            access.approve(asked, by=owner, saying=access.Approval(stage_id=stage_of(asked, stage).id))
        approve(asked, member)
        assert stage_of(asked, stage).state is StageState.APPROVED
        assert stage_of(asked, "owner").state is StageState.OPEN
        assert asked.is_pending


def test_C45_an_answer_is_recorded_with_who_when_why_and_on_which_revision():
    make_policy(demanding("owner", "legal"), order=[["owner"], ["legal"]])
    owner, counsel = make_user(RoleName.API_OWNER), make_user()
    make_group("legal", counsel)
    asked = make_request(owner=owner)
    with transaction():
        access.edit(asked, by=asked.requester, reason="For all of us.")
    began = now()

    approve(asked, owner, comment="Fine by us.")
    with transaction():
        access.reject(asked, by=counsel, reason="No contract yet.")

    (yes,) = events_of(stage_of(asked, "owner"), EventKind.STAGE_APPROVED)
    (no,) = events_of(stage_of(asked, "legal"), EventKind.STAGE_REJECTED)
    for event, person, reason in ((yes, owner, "Fine by us."), (no, counsel, "No contract yet.")):
        assert (event.actor_id, event.actor, event.reason) == (person.id, person.email, reason)
        assert event.after["revision"] == 2
        assert event.occurred_at >= began
        assert event.occurred_at.utcoffset().total_seconds() == 0
    (review,) = stage_of(asked, "legal").reviews
    assert (review.reviewer_id, review.revision, review.content_hash) == (counsel.id, 2, asked.content_hash)


def test_C46_the_notice_that_access_is_there_comes_once_and_after_it_was_delivered():
    make_policy(demanding("owner", "it_delivery"), order=[["owner"], ["it_delivery"]])
    owner, engineer = make_user(RoleName.API_OWNER), make_user()
    make_group("it-delivery", engineer)
    asked = make_request(owner=owner)

    approve(asked, owner)
    assert approval_mails() == 0
    assert not access.grants_of(asked.app)
    done = stage_of(asked, "it_delivery").template["checklist"]
    approve(asked, engineer, checklist=done)
    assert approval_mails() == 1
    assert [grant.request_id for grant in access.grants_of(asked.app)] == [asked.id]

    with pytest.raises(Conflict), transaction():
        access.approve(asked, by=engineer, saying=access.Approval(checklist=done))
    assert approval_mails() == 1


def test_C47_what_is_approved_for_test_opens_nothing_in_production():
    person, plan = make_user(), make_plan(auto_approve=True)
    app = make_app(person)
    first, second = (make_product(plans=[plan]) for _ in range(2))
    make_request(person, first, plan=plan, app=app, environment=Environment.PROD)
    (production,) = db.session.query(Credential).all()

    fill_cart(person, second, plan=plan)
    with pytest.raises(CartRejected, match="is for production"), transaction():
        access.submit(app, by=person, environment=Environment.TEST, credential=production)
    with transaction():
        access.submit(app, by=person, environment=Environment.TEST)

    found = {c.environment: [g.product_id for g in access.grants_of(app) if g.credential_id == c.id] for c in _all()}
    assert found == {Environment.PROD: [first.id], Environment.TEST: [second.id]}
    assert all(grant.environment is grant.credential.environment for grant in access.grants_of(app))


def _all():
    return db.session.query(Credential).all()


def test_C63_an_open_question_beside_an_approval_holds_the_request():
    make_policy(demanding("owner", "legal"), order=[["owner", "legal"]])
    owner, counsel = make_user(RoleName.API_OWNER), make_user()
    make_group("legal", counsel)
    asked = make_request(owner=owner)
    with transaction():
        question = access.ask(asked, by=counsel, question="Under which contract?")

    approve(asked, owner)
    assert asked.is_pending
    assert not access.grants_of(asked.app)
    with transaction():
        access.answer(question, by=asked.requester, text="The one of 2024.")
    approve(asked, counsel)

    assert asked.status is RequestStatus.APPROVED


@pytest.mark.parametrize("audience", ["internal", "external"])
def test_C16_C21_external_use_brings_security_and_the_questions_that_it_needs(audience):
    security, owner, person = make_user(RoleName.SECURITY_REVIEWER), make_user(RoleName.API_OWNER), make_user()
    counsel, plan = make_user(), make_plan()
    make_group("legal", counsel)
    standard = shipped_policies()["standard-paths"].policy.as_json()
    make_policy(*standard["rules"], order=standard["order"])
    product = make_product(plans=[plan], owners=[owner])
    with transaction():
        forms.choose_form(product, forms.STANDARD_KEY, by=None)
    fill_cart(person, product, plan=plan)
    form = access.form_of(access.cart_of(person), Environment.TEST)
    answers = {
        "title": "Checkout",
        "purpose": "Takes payments in the shop and refunds them when goods come back.",
        "audience": audience,
        "auth_method": "oauth2_client_credentials",
        "access_level": "read",
        "exposure": "none",
        "expected_volume": "100",
        "secrets": "In the vault of our team.",
        "documentation_link": "https://docs.example.com/checkout",
    }
    app = make_app(person)
    with transaction():
        (asked,) = access.submit(app, by=person, answers=answers, form_ids=form.form_ids)

    if audience == "internal":
        assert [stage.key for stage in asked.stages] == ["owner"]
        return
    assert [stage.key for stage in asked.stages] == ["owner", "security", "legal"]
    approve(asked, owner)
    with pytest.raises(Invalid, match="Encryption, Token handling, Rate limits"), transaction():
        access.approve(asked, by=security)
    assert stage_of(asked, "security").state is StageState.OPEN
