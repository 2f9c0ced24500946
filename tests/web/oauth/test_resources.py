"""``resource`` (RFC 8707): a token for one API of several, and for none that was not granted."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal import access
from portal.access.entitlement import Entitlement, Opening
from portal.catalog import AuthMethod
from portal.db import transaction
from portal.oauth import tokens
from tests.support.builders import make_plan, make_product
from tests.support.programs import claims_of, make_program, send
from tests.web.oauth.answers import GRANT, error_of


@pytest.fixture
def plan(app):
    return make_plan(auto_approve=True)


@pytest.fixture
def products(plan):
    return [make_product(plans=[plan]) for _ in range(3)]


@pytest.fixture
def program(app, products, plan):
    """A program with two of three products."""
    return make_program(app, *products[:2], plan=plan)


def asked(program, *resources, **fields):
    """The answer to a request for these resources."""
    pairs = [*GRANT.items(), *fields.items(), *[("resource", resource) for resource in resources]]
    return program.post("/oauth/token", urlencode(pairs))


def test_RFC8707_2_a_resource_narrows_audience_and_scopes(program, products):
    answer = asked(program, products[0].audience)

    claims = claims_of(answer.json["access_token"])
    assert claims["aud"] == [products[0].audience]
    assert claims["scope"].split() == answer.json["scope"].split() == sorted(products[0].scope_names)


def test_RFC8707_2_it_may_be_sent_more_than_once(program, products):
    first, second, _ = (product.audience for product in products)

    for resources in ((first, second), (second, first), (first, second, first)):
        assert sorted(claims_of(asked(program, *resources).json["access_token"])["aud"]) == sorted([first, second])


@pytest.mark.parametrize(
    "resource",
    [
        "{ungranted}",
        "urn:portico:api:never-was",
        "https://evil.example/",
        "{granted}#part",
        "{granted}/",
        "{granted} ",
        " {granted}",
        "{granted}\n",
        "{granted},{other}",
        "{granted} {other}",
        "URN:PORTICO:API:{slug}",
        "{slug}",
        "urn:portico:api:*",
        "not a URI",
        "é",
        "\0",
        "A" * 9000,
    ],
)
def test_RFC8707_2_what_is_unknown_or_not_granted_is_an_invalid_target(program, products, resource):
    named = resource.format(
        granted=products[0].audience, other=products[1].audience, ungranted=products[2].audience, slug=products[0].slug
    )

    for resources in ((named,), (products[0].audience, named)):
        answer = asked(program, *resources)
        assert (answer.status_code, error_of(answer)) == (400, "invalid_target")
        assert "evil" not in answer.text


def test_RFC8707_2_unknown_and_not_granted_read_the_same(program, products):
    ungranted, unknown = asked(program, products[2].audience), asked(program, "urn:portico:api:never-was")

    assert ungranted.data == unknown.data


def test_RFC8707_2_1_a_scope_of_another_api_is_refused_not_dropped(program, products):
    first, second, _ = products

    right = asked(program, first.audience, scope=first.scope_names[0])
    wrong = asked(program, first.audience, scope=second.scope_names[0])

    assert claims_of(right.json["access_token"])["scope"] == first.scope_names[0]
    assert (wrong.status_code, error_of(wrong)) == (400, "invalid_scope")


def test_RFC8707_an_empty_resource_counts_as_not_sent(program, products):
    assert claims_of(asked(program, "").json["access_token"])["aud"] == [p.audience for p in products[:2]]


def test_T9_everything_else_still_counts_once(program, products):
    for body in (
        "scope=a&scope=b",
        "grant_type=client_credentials",
        "resources=a&resources=b",
        "audience=a&audience=b",
    ):
        answer = program.post("/oauth/token", f"{urlencode(GRANT)}&resource={products[0].audience}&{body}")
        assert (answer.status_code, error_of(answer)) == (400, "invalid_request")


def test_C157_a_resource_whose_access_ended_is_one_no_more(program, products):
    token = asked(program, products[0].audience).json["access_token"]
    grant = next(g for g in access.grants_of(program.request.app) if g.product_id == products[0].id)
    with transaction():
        access.revoke_access(grant, by=program.request.requester, reason="Not needed.")

    assert error_of(asked(program, products[0].audience)) == "invalid_target"
    assert program.introspect(token) == {"active": False}


def test_introspection_tells_of_the_narrow_token_what_it_says(program, products):
    token = asked(program, products[1].audience).json["access_token"]

    told = program.introspect(token)

    assert told["aud"] == [products[1].audience]
    assert told["scope"].split() == sorted(products[1].scope_names)


def test_RFC8707_the_metadata_is_as_it_was(app):
    assert not [name for name in send(app, "GET", "/.well-known/oauth-authorization-server").json if "resource" in name]


NAMES = st.lists(st.sampled_from("abcdef"), unique=True, max_size=4)


@given(opened=st.dictionaries(st.sampled_from("abcdef"), st.frozensets(st.sampled_from("vwxyz"))), resources=NAMES)
def test_C85_a_token_never_holds_more_than_was_granted_and_asked_for(opened, resources):
    whole = Entitlement(
        credential_id=1,
        client_id="pci_1",
        secret_hash=None,
        auth_method=AuthMethod.OAUTH2,
        is_live=True,
        app_id=1,
        token_lifetime_seconds=60,
        openings=tuple(Opening(name, scopes) for name, scopes in sorted(opened.items())),
        ends_at=None,
        last_used_at=None,
    )
    try:
        part = tokens.narrowed_to(resources, whole)
    except tokens.InvalidTarget:
        assert not set(resources) <= set(opened)
        return

    assert part.scopes <= whole.scopes
    assert set(part.audiences) == (set(resources) & set(opened) or set(opened))
    assert part.scopes == frozenset(scope for name in part.audiences for scope in opened[name])
