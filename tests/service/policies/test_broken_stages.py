"""A stored stage that cannot be read stops nothing, and what stands in for it is stricter than it ever was."""

import pytest

from portal import access, policies
from portal.accounts import RoleName
from portal.db import db, transaction
from portal.errors import Invalid, NotAllowed
from portal.policies import SHIPPED_STAGES, StageTemplateRow, stage_templates
from tests.support.builders import demanding, make_policy, make_request, make_user

pytestmark = pytest.mark.usefixtures("app")


def store(key, body):
    with transaction():
        db.session.add(StageTemplateRow(key=key, body=body))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"key": "security"},
        {"weather": "rain"},
        {"key": "security", "name": "Security", "sources": "nobody"},
        {"key": "security", "name": 7, "sources": [{"kind": "role"}], "quorum": {"n": "many"}},
        {"key": "security", "name": "S", "sources": [{"kind": "owners"}], "times": {"due_hours": "soon"}},
        ["not", "an", "object"],
    ],
)
def test_whatever_is_stored_the_stage_is_asked_of_administrators(body):
    store("security", body)

    template = stage_templates()["security"]

    assert template.sources == ({"kind": "role", "role": "administrator"},)
    assert template.step_up
    assert template.reason_required
    assert not template.delegation_allowed
    assert template.problems() == []
    assert list(policies.broken_stages()) == ["security"]


def test_the_larger_number_of_approvals_counts():
    store("security", {"weather": "rain", "quorum": {"n": 3}, "position": 4, "name": " InfoSec "})

    template = stage_templates()["security"]

    assert (template.quorum.n, template.position, template.name) == (3, 4, "InfoSec")
    assert stage_templates()["legal"] == SHIPPED_STAGES["legal"]


def test_requests_go_on_and_need_an_administrator():
    store("security", {"weather": "rain"})
    make_policy(demanding("security"))
    reviewer, admin = make_user(RoleName.SECURITY_REVIEWER), make_user(RoleName.ADMINISTRATOR)
    owner = make_user(RoleName.API_OWNER)
    request = make_request(owner=owner)
    with transaction():
        access.approve(request, by=owner)

    with pytest.raises(NotAllowed), transaction():
        access.approve(request, by=reviewer)
    with pytest.raises(Invalid, match="reason"), transaction():
        access.approve(request, by=admin)
    with transaction():
        access.approve(request, by=admin, saying=access.Approval("Seen.", step_up="password"))
    assert request.status is access.RequestStatus.APPROVED


def test_the_dashboard_says_so_and_saving_the_stage_mends_it(browser):
    store("security", {"weather": "rain"})
    admin = make_user(RoleName.ADMINISTRATOR)
    make_user(RoleName.SECURITY_REVIEWER)

    here = browser(admin)
    assert "cannot be read" in here.get("/admin/").text("main")
    for page in ("/admin/stages", "/admin/stages/security", "/admin/policies", "/admin/access-requests"):
        assert here.get(page).status == 200
    revision = db.session.query(StageTemplateRow).one().version
    with transaction():
        policies.save_stage({**SHIPPED_STAGES["security"].as_json()}, by=admin, revision=revision)

    assert policies.broken_stages() == {}
    assert "cannot be read" not in here.get("/admin/").text("main")
