"""API products in the Admin Portal: their API descriptions."""

from __future__ import annotations

import pytest

from portal import catalog
from portal.accounts import RoleName
from portal.catalog import ProductState
from tests.support.builders import make_product, make_user
from tests.web.admin.products.files import ORDERS, SAMPLES, WEATHER, file, stored, upload

pytestmark = pytest.mark.usefixtures("app")


def test_an_api_description_is_read_and_its_faults_are_listed(owner, person):
    product = make_product(owners=[person])
    assert "No API description yet" in owner.get(f"/admin/products/{product.id}/descriptions").text()

    page = upload(owner, product, (SAMPLES / "odd.yaml").read_bytes(), "odd.yaml")

    (kept,) = catalog.descriptions_of(stored(product))
    assert "odd.yaml was read" in page.text(".messages")
    assert kept.faults
    assert len(page.texts(".fault-list li")) == len(kept.faults)
    assert kept.faults[0]["message"] in page.text(".fault-list")


def test_an_api_description_is_replaced_by_title_or_by_choice_and_removed(owner, person):
    product = make_product(owners=[person])
    upload(owner, product, WEATHER)
    upload(owner, product, WEATHER + b"\n# second\n", "again.yaml")
    (kept,) = catalog.descriptions_of(stored(product))
    assert kept.file_name == "again.yaml"

    page = upload(owner, product, ORDERS, "orders.yaml")
    assert len(catalog.descriptions_of(stored(product))) == 2
    page = upload(owner, product, (SAMPLES / "lending-3.1.json").read_bytes(), "lending.json", replaces=str(kept.id))
    assert [d.file_name for d in catalog.descriptions_of(stored(product))] == ["orders.yaml", "lending.json"]

    page = page.press("Remove", within="#confirm-remove-" + str(catalog.descriptions_of(product)[0].id))

    assert "orders.yaml is removed." in page.text()
    assert [d.file_name for d in catalog.descriptions_of(stored(product))] == ["lending.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"PK\x03\x04" + b"\x00" * 200,
        b"\x7fELF" + b"\x00" * 200,
        b"%PDF-1.7 ...",
        b"just words",
        b"[1, 2, 3]",
        b'{"openapi": "3.0.0"',
        b"a: &a [x, x]\nb: &b [*a, *a]\n" + b"openapi: 3.0.0\n" * 0,
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        b"[" * 100_000,
    ],
)
def test_M8_what_is_no_api_description_is_refused_in_words_and_nothing_is_kept(owner, person, content):
    product = make_product(owners=[person])

    page = upload(owner, product, content, "evil.json")

    assert page.status == 422
    assert len(page.text(".field-error")) > 20
    assert not catalog.descriptions_of(stored(product))
    assert stored(product).version == 1


def test_M8_a_file_that_is_too_large_is_refused(owner, person):
    product = make_product(owners=[person])

    page = upload(owner, product, WEATHER + b"#" * (20 * 1024 * 1024))
    page.answer.request.environ["wsgi.input"].close()  # the test client's own temporary file

    assert page.status == 422
    assert "20" in page.text(".field-error")


def test_an_upload_without_a_file_says_so(owner, person):
    product = make_product(owners=[person])
    page = owner.get(f"/admin/products/{product.id}/descriptions")

    assert "Choose a file." in page.press("Upload").text(".field-error")


def test_a_description_to_be_replaced_must_be_one_of_this_product(owner, person):
    product, other = make_product(owners=[person]), make_product()
    upload(owner, other, WEATHER)
    (foreign,) = catalog.descriptions_of(other)

    page = owner.get(f"/admin/products/{product.id}/descriptions")
    token = page.field("csrf_token")["value"]
    answer = owner.post(
        f"/admin/products/{product.id}/descriptions",
        {"csrf_token": token, "file": file(ORDERS), "replaces": str(foreign.id)},
    )

    assert answer.status == 422
    assert len(catalog.descriptions_of(other)) == 1
    assert owner.forge(f"/admin/products/{product.id}/descriptions/{foreign.id}/remove").status == 404
    assert owner.get(f"/admin/products/{product.id}/descriptions/{foreign.id}/original").status == 404


def test_D10_the_original_is_given_back_as_an_attachment_byte_by_byte(browser, owner, person):
    product = make_product(owners=[person], state=ProductState.DRAFT)
    upload(owner, product, WEATHER, '../../etc/wëather;".yaml')
    (kept,) = catalog.descriptions_of(stored(product))

    page = browser(make_user(RoleName.AUDITOR)).get(f"/admin/products/{product.id}/descriptions/{kept.id}/original")

    assert page.answer.get_data() == WEATHER
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert "/" not in page.headers["Content-Disposition"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Content-Type"].startswith("application/yaml")


def test_D1_what_people_and_files_say_is_shown_as_text(owner, browser, person):
    evil = '"><script>alert(1)</script>{{ 7*7 }}'
    product = make_product(
        evil, owners=[person], tags=[evil], category=evil, description=evil, base_url="https://a.example"
    )
    document = WEATHER.replace(b"title:", b"title: '<script>alert(2)</script>' #", 1)
    upload(owner, product, document, "<script>alert(3)</script>.yaml")

    for visitor in (owner, browser(make_user(RoleName.AUDITOR))):
        for path in ("/admin/products", f"/admin/products/{product.id}", f"/admin/products/{product.id}/descriptions"):
            page = visitor.get(path)
            assert page.status == 200
            assert "<script>alert" not in page.html
