"""My Apps: the list."""

import pytest

from portal import access
from portal.accounts import RoleName
from portal.apps import Visibility
from portal.db import transaction
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_user
from tests.support.queries import count_queries
from tests.web.live.apps.places import app_path

pytestmark = pytest.mark.usefixtures("app")


def test_T78_the_list_shows_name_visibility_and_what_each_app_holds(browser, person, held, free):
    fill_cart(person, make_product(plans=[gold := make_plan()]), plan=gold)
    with transaction():
        access.submit(held.app, by=person)

    row = browser(person).get("/apps").text(f"#app-{held.app_id}")

    assert row.startswith("Checkout Personal 1 1")


def test_T78_the_list_is_searched_by_name(browser, person):
    for name in ("Checkout", "Billing", "100% of it"):
        make_app(person, name)
    here = browser(person)

    assert here.get("/apps?q=check").texts("tbody th") == ["Checkout"]
    assert here.get("/apps?q=100%25").texts("tbody th") == ["100% of it"]
    assert "No apps found" in here.get("/apps?q=zzz").text()


def test_T80_A9_colleagues_see_shared_apps_and_nobody_elses(browser, person):
    make_app(person, "Shared", visibility=Visibility.ORGANISATION)
    make_app(person, "Private")
    make_app(make_user(organisation="Globex"), "Foreign", visibility=Visibility.ORGANISATION)

    page = browser(make_user()).get("/apps")

    assert page.texts("tbody th") == ["Shared"]
    assert "shared by Maya" in page.text("tbody")


def test_the_list_is_paged_by_key(browser, person):
    names = [make_app(person, f"App {number:02}").name for number in range(27)]

    first = browser(person).get("/apps")

    assert first.texts("tbody th") + first.follow("Next page").texts("tbody th") == names


def test_T87_an_empty_list_says_what_to_do_next(browser, person):
    assert browser(person).get("/apps").follow("New app").path == "/apps/new"


def test_the_number_of_queries_does_not_grow_with_the_list(browser, person, held):
    here = browser(person)
    here.get("/apps")
    with count_queries() as one:
        here.get("/apps")
    for _ in range(5):
        make_app(make_user(), visibility=Visibility.ORGANISATION)
        make_app(person)

    with count_queries() as many:
        here.get("/apps")

    assert len(many) == len(one), "\n".join(many)


def test_the_number_of_queries_does_not_grow_with_what_an_app_holds(browser, person, held):
    def add_access():
        plan = make_plan(auto_approve=True)
        fill_cart(person, make_product(plans=[plan]), plan=plan)
        with transaction():
            access.submit(held.app, by=person)
        gold = make_plan()
        fill_cart(person, make_product(plans=[gold], owners=[make_user(RoleName.API_OWNER)]), plan=gold)
        with transaction():
            access.submit(held.app, by=person)

    add_access()
    here = browser(person)
    here.get(app_path(held))
    with count_queries() as few:
        here.get(app_path(held))
    for _ in range(3):
        add_access()

    with count_queries() as many:
        here.get(app_path(held))

    assert len(many) == len(few), "\n".join(many)
