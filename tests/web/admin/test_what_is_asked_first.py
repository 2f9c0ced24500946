"""C54: what it is for, for which project, in which environment and with which scopes comes first to who decides."""

import pytest

from portal import access, forms
from portal.accounts import RoleName
from portal.catalog import Environment
from portal.db import transaction
from tests.support.builders import fill_cart, make_app, make_plan, make_product, make_user

pytestmark = pytest.mark.usefixtures("app")


def test_C54_purpose_project_environment_and_scopes_stand_before_everything_else(browser):
    owner, person, plan = make_user(RoleName.API_OWNER), make_user(), make_plan()
    product = make_product("Payments", plans=[plan], owners=[owner], scopes=("refund",))
    with transaction():
        forms.choose_form(product, forms.STANDARD_KEY, by=None)
    fill_cart(person, product, plan=plan)
    form, app = access.form_of(access.cart_of(person), Environment.TEST), make_app(person)
    answers = {
        "title": "Checkout",
        "purpose": "Takes payments in the shop and refunds them when goods come back.",
        "project": "Shop 2027",
        "audience": "internal",
        "auth_method": "oauth2_client_credentials",
        "access_level": "write",
        "expected_volume": "100",
        "secrets": "In the vault of our team.",
        "documentation_link": "https://docs.example.com/checkout",
    }
    with transaction():
        (asked,) = access.submit(app, by=person, answers=answers, form_ids=form.form_ids, reason="For the shop.")

    told = browser(owner).get(f"/admin/access-requests/{asked.number}").text("main")

    first = ("Checkout", "Takes payments in the shop", "Project Shop 2027", "For use in test.", ":refund")
    places = [told.index(words) for words in first]
    assert places == sorted(places)
    assert places[-1] < told.index("Who asks")
