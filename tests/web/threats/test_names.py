"""Names that may imitate others are flagged to those who decide by them (D11)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal.accounts import RoleName
from portal.web.names import name_warning
from tests.support.browser import Browser
from tests.support.builders import make_app, make_request, make_user

FLAG = "[data-odd-name]"


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("P\u0430ypal", "Cyrillic and Latin letters in one word"),
        ("Payment\u03c3", "Greek and Latin letters in one word"),
        ("\u0420\u0430\u0443\u0440\u0430l", "Cyrillic and Latin letters in one word"),
        ("\u0421\u043e\u043e\u043f Bank".replace("\u043f", "\u0440"), "Cyrillic letters that look like Latin ones"),
        ("\U0001d40f\U0001d41a\U0001d432pal", "letters in disguise"),
        ("\uff30aypal", "letters in disguise"),
        ("Pay\u200bpal", "signs that cannot be seen"),
        ("Pay\u200dpal", "signs that cannot be seen"),
        ("Pay\u202epal", "signs that cannot be seen"),
    ],
)
def test_D11_a_name_that_may_imitate_another_is_flagged(name: str, warning: str) -> None:
    assert name_warning(name) == warning


@pytest.mark.parametrize(
    "name",
    [
        "Route planner 2",
        "Zoë's app",
        "Müller & Søn",
        "Погода API",
        "Μετεωρολογία API",
        "東京カレンダーapp",
        "날씨 앱 API",
        "تطبيق الطقس",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f469\u200d\U0001f4bb tools",
        "Weather ☀️ app_v2",
        "",
    ],
)
def test_D11_an_ordinary_name_of_any_language_is_not_flagged(name: str) -> None:
    assert name_warning(name) == ""


@pytest.mark.usefixtures("app")
def test_D11_reviewers_see_the_flag_beside_app_and_person(browser: Callable[..., Browser]) -> None:
    owner, person = make_user(RoleName.API_OWNER), make_user(name="\u0410lice")
    asked = make_request(person, owner=owner, app=make_app(person, "P\u0430ypal"))
    reviewer = browser(owner)

    for path in ("/admin/access-requests", f"/admin/access-requests/{asked.number}", f"/admin/apps/{asked.app_id}"):
        flags = reviewer.get(path).texts(FLAG)
        assert len(flags) == 2, path
        assert all(flag.startswith("Mixed scripts : Cyrillic and Latin letters in one word") for flag in flags)


@pytest.mark.usefixtures("app")
def test_D11_ordinary_names_carry_no_flag(browser: Callable[..., Browser]) -> None:
    owner = make_user(RoleName.API_OWNER)
    asked = make_request(make_user(name="Zoë"), owner=owner)

    for path in ("/admin/access-requests", f"/admin/access-requests/{asked.number}", "/admin/apps"):
        assert not browser(owner).get(path).texts(FLAG)
