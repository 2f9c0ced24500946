"""API descriptions of products: kept whole, replaced whole, read in parts."""

import gzip
import json

import pytest
from sqlalchemy import func, select

from portal import catalog
from portal.accounts import RoleName
from portal.catalog import ApiDescription, ApiOperation, ApiProduct, AuthMethod, ProductState
from portal.db import db, transaction
from portal.errors import NotAllowed
from portal.events import AuditEvent, EventKind
from tests.service.catalog.openapi import attach, openapi
from tests.support.builders import make_catalogue, make_product, make_user
from tests.support.threads import errors_in, race

pytestmark = pytest.mark.usefixtures("app")


def import_file(raw, file_name="openapi.json", **kwargs):
    given = catalog.read_description(raw)
    with transaction():
        return catalog.import_description(given, file_name, by=None, **kwargs)


def number_of(model):
    return db.session.scalar(select(func.count()).select_from(model))


def test_a_description_is_kept_as_it_was_given_with_what_was_read_from_it():
    raw = openapi("Weather", count=5, tags=2, servers=[{"url": "https://w.example/v1"}])

    kept = attach(make_product(), raw, "dir/we\\ather:1.json")

    assert catalog.original_of(kept) == raw
    assert json.loads(gzip.decompress(catalog.viewer_json_of(kept)))["info"]["title"] == "Weather"
    assert (kept.file_name, kept.media_type, kept.operation_count) == ("ather-1.json", "application/json", 5)
    assert kept.servers == ["https://w.example/v1"]
    assert kept.groups == [
        {"name": "Group 1", "first": 0, "count": 3},
        {"name": "Group 2", "first": 3, "count": 2},
    ]
    assert [o.path for o in catalog.operations_in(kept, first=3, count=10)] == [
        "/things/1/{thing_id}",
        "/things/3/{thing_id}",
    ]
    assert catalog.find_operation(kept, 0).detail["parameters"][0]["name"] == "thing_id"


def test_a_newer_edition_replaces_the_one_of_the_same_name_or_title():
    product = make_product()
    attach(product, openapi("Weather", count=3), "v1.json")
    attach(product, openapi("Weather", count=4, version="2"), "v2.json")
    attach(product, openapi("Alerts", count=1), "alerts.json")

    assert [(d.title, d.operation_count) for d in catalog.descriptions_of(product)] == [("Weather", 4), ("Alerts", 1)]
    assert number_of(ApiOperation) == 5
    events = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == EventKind.DESCRIPTION_ADDED)).all()
    assert [len(event.before["descriptions"]) for event in events] == [0, 1, 0]


def test_a_description_can_be_taken_away():
    product = make_product("P")
    kept = attach(product, openapi("Thermometers"))
    assert catalog.browse(search="thermometers").tiles
    with transaction():
        catalog.remove_description(kept, by=None)

    assert not catalog.descriptions_of(product)
    assert not catalog.browse(search="thermometers").tiles


def test_only_those_who_may_change_the_product_give_it_a_description():
    product, other = make_product(owners=[make_user(RoleName.API_OWNER)]), make_user(RoleName.API_OWNER)
    given = catalog.read_description(openapi())

    with pytest.raises(NotAllowed), transaction():
        catalog.attach_description(product, given, "x.json", by=other)


def test_strange_characters_of_a_strangers_file_do_not_trouble_the_database():
    raw = openapi("Null \u0000 and \ud800 alone", paths={"/a\u0000b": {"get": {"summary": "\u0000", "responses": {}}}})

    kept = attach(make_product(), raw)

    assert "\x00" not in kept.title + catalog.operations_in(kept)[0].path


def test_M10_replaced_while_another_replaces_one_whole_version_stays():
    product_id = make_product().id
    editions = [catalog.read_description(openapi("Weather", count=n * 10, version=str(n))) for n in range(1, 7)]

    def replace(number):
        with transaction():
            product = db.session.get(ApiProduct, product_id)
            return catalog.attach_description(product, editions[number], "w.json", by=None).operation_count

    results = race(6, replace)

    assert not errors_in(results)
    (kept,) = catalog.descriptions_of(db.session.get(ApiProduct, product_id))
    assert number_of(ApiOperation) == kept.operation_count == int(kept.api_version) * 10
    assert kept.sha256 == editions[int(kept.api_version) - 1].sha256


def test_an_import_makes_a_visible_product_of_what_the_file_says():
    shelf = make_catalogue()
    raw = openapi(
        "Weather of the World",
        info={"title": "Weather of the World", "version": "1", "description": "# Hello\n\nForecasts **everywhere**."},
        servers=[{"url": "/relative"}, {"url": "https://w.example/v1"}],
        components={
            "securitySchemes": {
                "o": {
                    "type": "oauth2",
                    "flows": {
                        "clientCredentials": {
                            "tokenUrl": "https://w.example/t",
                            "scopes": {"read": "Read all", "two words": "no"},
                        }
                    },
                }
            }
        },
    )

    outcome = import_file(raw, catalogue=shelf)

    product = outcome.product
    assert (outcome.made, product.slug, product.state) == (True, "weather-of-the-world", ProductState.PUBLISHED)
    assert product.base_url == "https://w.example/v1"
    assert product.scopes == [{"name": "read", "description": "Read all"}]
    assert product.auth_method is AuthMethod.OAUTH2
    assert "Forecasts everywhere." in product.summary
    assert [tile.name for tile in catalog.browse(catalogue=shelf, search="forecast").tiles] == ["Weather of the World"]


def test_the_same_file_again_changes_nothing_and_a_newer_one_updates():
    first = import_file(openapi("Weather"))
    again = import_file(openapi("Weather"), "renamed.json")
    newer = import_file(openapi("Weather", count=3))
    stranger = import_file(openapi("Weather", count=9), "someone-elses.json")

    assert (again.unchanged, again.made, again.product) == (True, False, first.product)
    assert (newer.unchanged, newer.made, newer.product) == (False, False, first.product)
    assert stranger.made
    assert stranger.product.slug == "weather-2"
    assert number_of(ApiDescription) == 2


def test_faults_are_listed_and_what_cannot_be_read_is_refused():
    outcome = import_file(openapi("", info={}))

    assert outcome.fault_count
    assert outcome.product.name == "openapi"
    with pytest.raises(catalog.Refused):
        catalog.read_description(b"<html>no</html>")


@pytest.mark.parametrize(
    ("schemes", "method"),
    [
        ({}, AuthMethod.OAUTH2),
        ({"k": {"type": "apiKey", "in": "header", "name": "k"}}, AuthMethod.API_KEY),
        ({"b": {"type": "http", "scheme": "basic"}}, AuthMethod.BASIC),
        ({"b": {"type": "http", "scheme": "bearer"}}, AuthMethod.OAUTH2),
        ({"m": {"type": "mutualTLS"}}, AuthMethod.CUSTOM),
    ],
)
def test_the_authentication_method_is_what_the_description_declares(schemes, method):
    raw = openapi(components={"securitySchemes": schemes})

    assert catalog.product_values(catalog.read_description(raw).description, "x.json")["auth_method"] is method
