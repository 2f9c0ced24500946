"""What browsers and proxies may keep: nothing of a page, said so that they understand it."""

import pytest

from tests.support.builders import make_user


@pytest.mark.parametrize("path", ["/login", "/register", "/reset", "/confirm", "/account/password", "/catalogues"])
def test_pages_are_kept_by_nobody(app, browser, path):
    person = make_user() if path == "/account/password" else None

    page = browser(person).get(path)

    assert page.status == 200
    assert page.headers["Cache-Control"] == "no-store"
