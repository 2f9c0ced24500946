"""A reason, a question, a name or an answer has to be seen: signs without a shape are none."""

import pytest

from portal import access, accounts, apps, credentials, forms
from portal.access import Approval, Narrowing
from portal.accounts import RoleName
from portal.db import transaction
from portal.errors import Invalid
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")
UNSEEN = " \u200b\ufeff\u202e\u00ad\n\u2060 "


@pytest.fixture
def owner():
    return make_user(RoleName.API_OWNER)


@pytest.fixture
def asked(owner):
    plan = make_plan()
    return make_request(None, *(make_product(plans=[plan], owners=[owner]) for _ in range(2)), plan=plan)


def test_a_request_is_not_rejected_without_a_reason_that_can_be_read(asked, owner):
    with pytest.raises(Invalid, match="Give a reason"), transaction():
        access.reject(asked, by=owner, reason=UNSEEN)
    with pytest.raises(Invalid, match="Give a reason"), transaction():
        access.reject_many([asked], by=owner, reason=UNSEEN)

    assert asked.is_pending


def test_what_reviewers_do_beside_their_answer_needs_words_too(asked, owner):
    stage, declined = asked.stages[0].id, {asked.products[0].id: UNSEEN}

    with pytest.raises(Invalid, match="Say why"), transaction():
        access.approve(asked, by=owner, saying=Approval(less=Narrowing(declined=declined)))
    with pytest.raises(Invalid, match="Say why"), transaction():
        access.recuse(asked, by=owner, stage_id=stage, reason=UNSEEN)
    with pytest.raises(Invalid), transaction():
        access.ask(asked, by=owner, stage_id=stage, question=UNSEEN)

    assert asked.is_pending


def test_a_plan_that_asks_for_a_reason_gets_one_that_can_be_read():
    person, plan = make_user(), make_plan(reason_required=True)
    app = make_app(person)
    fill_cart(person, make_product(plans=[plan]), plan=plan)

    with pytest.raises(access.CartRejected, match="asks for a reason"), transaction():
        access.submit(app, by=person, reason=UNSEEN)


def test_a_question_of_a_form_is_answered_in_words():
    (asked,) = forms.read_fields([{"key": "why", "label": "Why", "type": "text", "required": True}])

    with pytest.raises(forms.FormErrors, match="Why is missing"):
        forms.check([asked], {"why": UNSEEN})

    assert forms.check([asked], {"why": "می\u200cخواهم"}) == {"why": "می\u200cخواهم"}


def test_names_can_be_seen():
    person = make_user()
    with pytest.raises(Invalid, match="Give the app a name"), transaction():
        apps.add_app(UNSEEN, by=person)
    with pytest.raises(Invalid, match="Give the group a name"), transaction():
        accounts.add_group("nobody", name=UNSEEN, by=None)
    with pytest.raises(Invalid, match="Give the token a name"), transaction():
        credentials.make_personal_token("\u3164", days=1, by=person)


def test_what_is_written_with_joiners_and_from_the_right_is_kept_as_it_is(asked, owner):
    said = "می\u200cخواهم 👩\u200d💻 \u200fשלום"

    with transaction():
        access.reject(asked, by=owner, reason=said)

    assert asked.stages[0].comment == said
