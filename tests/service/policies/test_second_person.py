"""C137: whoever wrote any part of a policy puts none of it in force, and those who may are told."""

import pytest

from portal import policies
from portal.accounts import RoleName
from portal.db import db, transaction
from portal.errors import NotAllowed
from portal.events import OutboxMessage
from portal.policies import PolicyState
from tests.service.mail.test_texts import golden, mails
from tests.support.builders import demanding, make_group, make_product, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def admins():
    reviewer = make_user(RoleName.SECURITY_REVIEWER)
    make_group("legal", reviewer)
    make_group("compliance", reviewer)
    return [make_user(RoleName.ADMINISTRATOR, name=name, email=f"{name.lower()}@portico.example") for name in "ABC"]


def rules(*stages):
    return {"rules": [demanding(*stages)], "order": []}


def act(function, *args, **kwargs):
    with transaction():
        return function(*args, **kwargs)


def draft_by(person, **kwargs):
    return act(policies.create_draft, rules("security"), name="Strict", by=person, **kwargs)


def proposed(version, by):
    act(policies.ask_activation, version, by=by, revision=version.version)
    return version


def activate(version, by):
    return act(policies.activate, version, by=by, revision=version.version, in_place_of=None)


def test_who_wrote_an_earlier_text_is_no_second_person(admins):
    first, second, third = admins
    version = draft_by(first)
    act(policies.change_draft, version, rules=rules("legal", "security"), by=second, revision=version.version)
    proposed(version, second)

    for writer in (first, second):
        assert not policies.may_activate(version, writer)
        with pytest.raises(NotAllowed, match="wrote no part"):
            activate(version, writer)
    assert activate(version, third).state is PolicyState.ACTIVE


def test_a_text_that_is_taken_back_again_still_has_its_writer(admins):
    first, second, _ = admins
    version = draft_by(first)
    for text in (rules("legal"), rules("security")):
        act(policies.change_draft, version, rules=text, by=second, revision=version.version)
    act(policies.change_draft, version, rules=rules("compliance"), by=first, revision=version.version)
    proposed(version, first)

    with pytest.raises(NotAllowed):
        activate(version, second)


def test_a_new_name_makes_nobody_a_writer(admins):
    first, second, _ = admins
    version = draft_by(first)
    act(policies.change_draft, version, rules=version.rules, name="Stricter", by=second, revision=version.version)

    assert policies.may_activate(version, second)


def test_a_copy_of_what_nobody_has_seconded_keeps_its_writers(admins):
    first, second, third = admins
    version = draft_by(first)
    copy = draft_by(second, like=version)
    seconded = activate(proposed(version, first), third)
    later = draft_by(second, like=seconded)

    assert not policies.may_activate(copy, first)
    assert policies.may_activate(later, first)


def test_those_who_may_put_it_in_force_are_told_by_mail(admins):
    first, second, third = admins
    make_user(RoleName.AUDITOR)
    make_user(RoleName.API_OWNER)
    version = draft_by(first, note="Partners now need a legal review.")
    act(policies.change_draft, version, rules=rules("legal"), by=second, revision=version.version)

    proposed(version, second)

    (message,) = mails("policy_waiting")
    assert message.recipient == third.email
    golden(message, label=version.label, number=f"policies/{version.id}")


def test_the_owners_of_a_product_hear_of_its_own_rules(admins):
    owner, other = make_user(RoleName.API_OWNER), make_user(RoleName.API_OWNER)
    product = make_product("Payments API", owners=[owner])
    version = draft_by(owner, product=product)

    proposed(version, owner)
    assert {message.recipient for message in mails("policy_waiting")} == {admin.email for admin in admins}
    db.session.query(OutboxMessage).filter_by(kind="policy_waiting").delete()
    db.session.commit()
    mine = draft_by(admins[0], product=product)
    proposed(mine, admins[0])

    told = {message.recipient for message in mails("policy_waiting")}
    assert owner.email in told
    assert other.email not in told
    assert admins[0].email not in told


def test_whoever_asked_is_told_that_it_is_in_force(admins):
    first, second, third = admins
    version = draft_by(first)
    act(policies.change_draft, version, rules=rules("legal"), by=second, revision=version.version)

    activate(proposed(version, second), third)

    (message,) = mails("policy_activated")
    assert message.recipient == second.email
    golden(message, label=version.label, number=f"policies/{version.id}")


def test_whoever_asked_is_told_that_it_was_sent_back_and_why(admins):
    first, second, _ = admins
    version = proposed(draft_by(first), first)

    act(policies.send_back, version, by=second, revision=version.version, reason="Legal is asked already.")

    (message,) = mails("policy_sent_back")
    assert message.recipient == first.email
    assert "Legal is asked already." in message.payload["text"]
    golden(message, label=version.label, number=f"policies/{version.id}")


def test_nobody_is_told_what_they_took_back_themselves(admins):
    first, *_ = admins
    version = proposed(draft_by(first), first)

    act(policies.send_back, version, by=first, revision=version.version)

    assert mails("policy_sent_back") == []
