"""C128: policies may look at the address and the country from which a person asks, where an operator lets them."""

import contextlib

import pytest

from portal import access, policies
from portal.access import AccessRequest
from portal.accounts import RoleName
from portal.app import create_app, register_channels
from portal.db import close_connections, db, transaction
from tests.service.policies.drafts import drafted
from tests.support.browser import Browser
from tests.support.builders import fill_cart, make_app, make_plan, make_policy, make_product, make_request, make_user
from tests.web.api.test_requests import Program, order

OFFICE, ABROAD = "192.0.2.17", "203.0.113.9"


def outside(attribute, operator, value):
    return {
        "key": "outside",
        "because": "It comes from outside.",
        "when": {"not": {"attribute": attribute, "is": operator, "value": value}},
        "then": {"outcome": "stages", "stages": ["security"]},
    }


IN_OFFICE = outside("network.address", "in_network", ["192.0.2.0/24"])
AT_HOME = outside("network.country", "one_of", ["CH", "DE"])


@pytest.fixture
def plan():
    return make_plan("Gold", auto_approve=True)


@pytest.fixture
def person(app):
    make_user(RoleName.SECURITY_REVIEWER)
    return make_user()


@pytest.fixture
def installed(installation):
    """Another application on the same database, with these settings."""
    made = []

    def with_settings(**settings):
        made.append(create_app(installation.settings.model_copy(update=settings)))
        return made[-1]

    yield with_settings
    register_channels(installation.settings)
    for other in made:
        with other.app_context(), contextlib.suppress(Exception):
            close_connections()


def stages_asked(app, person, plan, *, peer=OFFICE, **headers):
    """Submit a cart from this network address, through a proxy that sends these headers."""
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    here = Browser(app, person)
    here.client.environ_base["REMOTE_ADDR"] = peer
    here.client.environ_base |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    here.get("/cart").press("Submit request", **{"App name": f"From {peer} {len(access.requests_of(person))}"})
    db.session.rollback()
    return [stage.key for stage in access.requests_of(person)[0].stages]


def test_C128_addresses_are_unknown_and_so_stricter_unless_an_operator_turns_them_on(app, person, plan):
    make_policy(IN_OFFICE)

    assert stages_asked(app, person, plan) == ["security"]


@pytest.mark.parametrize(
    ("proxies", "peer", "passed_on", "stages"),
    [
        (0, OFFICE, ABROAD, []),  # nobody is believed: the address is the peer's
        (0, ABROAD, OFFICE, ["security"]),
        (1, "127.0.0.1", OFFICE, []),
        (1, "127.0.0.1", f"{OFFICE}, {ABROAD}", ["security"]),  # what the visitor wrote before the proxy did
        (1, "127.0.0.1", "nonsense", ["security"]),
    ],
)
def test_C128_the_address_is_as_trusted_proxies_tell_it(person, plan, installed, proxies, peer, passed_on, stages):
    make_policy(IN_OFFICE)
    app = installed(requester_addresses=True, trusted_proxies=proxies)

    assert stages_asked(app, person, plan, peer=peer, x_forwarded_for=passed_on) == stages


@pytest.mark.parametrize(
    ("said", "stages"),
    [("CH", []), ("de", []), ("US", ["security"]), ("XX", ["security"]), ("T1", ["security"]), ("", ["security"])],
)
def test_C128_the_country_is_what_the_proxy_says(person, plan, installed, said, stages):
    make_policy(AT_HOME)
    app = installed(requester_addresses=True, trusted_proxies=1, country_header="X-Country")

    assert stages_asked(app, person, plan, x_country=said) == stages


def test_C128_a_header_that_no_setting_names_says_nothing(person, plan, installed):
    make_policy(AT_HOME)
    app = installed(requester_addresses=True, trusted_proxies=1)

    assert stages_asked(app, person, plan, x_country="CH", cf_ipcountry="CH") == ["security"]


def test_C128_the_cart_says_beforehand_what_the_address_comes_to(person, plan, installed):
    make_policy(IN_OFFICE)
    app = installed(requester_addresses=True)
    fill_cart(person, make_product(plans=[plan]), plan=plan)
    here = Browser(app, person)

    here.client.environ_base["REMOTE_ADDR"] = OFFICE
    assert "Security" not in here.get("/cart").text("#outlook")
    here.client.environ_base["REMOTE_ADDR"] = ABROAD
    assert "Security" in here.get("/cart").text("#outlook")


def test_C128_a_program_asks_from_where_it_runs(person, plan, installed):
    make_policy(IN_OFFICE)
    program = Program(installed(requester_addresses=True, trusted_proxies=1), person)
    product, apps = make_product(plans=[plan]), [make_app(person), make_app(person)]

    for mine, address in zip(apps, (OFFICE, ABROAD), strict=True):
        program.call("POST", body=order(mine, product, plan=plan), X_Forwarded_For=address)

    db.session.rollback()
    made = db.session.query(AccessRequest).order_by(AccessRequest.id).all()
    assert [[stage.key for stage in request.stages] for request in made] == [[], ["security"]]


def test_C128_nothing_is_known_of_where_somebody_asked_once_their_request_is_over(person, plan, installed):
    make_policy(IN_OFFICE)
    assert stages_asked(installed(requester_addresses=True), person, plan) == []

    assert [stage.key for stage in make_request(person, plan=plan).stages] == ["security"]


def test_C128_a_change_from_elsewhere_voids_no_answer_that_does_not_rest_on_it(app, person):
    owner = make_user(RoleName.API_OWNER)
    make_policy(IN_OFFICE, order=[["security"], ["owner"]])
    request = make_request(person, owner=owner)
    with transaction():
        access.approve(request, by=request.open_stages[0].assignees[0].user)

    policies.asks_from(person, policies.Whereabouts(ABROAD))
    with transaction():
        access.edit(request, by=person, reason="We need it more than ever.")
    policies.forget_whereabouts()

    assert {stage.key: stage.state.value for stage in request.stages} == {"security": "approved", "owner": "open"}


def test_C128_a_dry_run_can_be_made_from_elsewhere(browser, person, plan):
    product, draft = make_product(plans=[plan]), drafted(IN_OFFICE, AT_HOME, by=make_user(RoleName.ADMINISTRATOR))
    query = {"requester": person.email, "product": product.id, "plan": plan.id}
    page = browser(make_user(RoleName.ADMINISTRATOR)).get(f"/admin/policies/{draft.id}/dry-run", query_string=query)
    assert "Needs 1 stage" in page.text("#outcome")

    inside = page.press("Try it", address=OFFICE, country="ch")
    assert "Approved at once" in inside.text("#outcome")

    wrong = page.press("Try it", address="here")
    assert "network address must be like" in wrong.text(".error-summary")
    wrong = page.press("Try it", country="C1")
    assert "The country must be two letters, like CH." in wrong.text(".error-summary")
