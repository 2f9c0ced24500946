"""Which passwords are accepted, which addresses are one, and where people may be sent."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.accounts import normal_address, password_problems
from portal.errors import Invalid
from portal.web.addresses import own_path


@pytest.mark.parametrize(
    "password",
    [
        "seven green hats",
        "tr0ub4dor&3 x",
        "пароль из слов",
        "a very long sentence " * 20,
        "zK4!pw-9",
        "日本語の長い言葉です",
    ],
)
def test_F14_uncommon_passwords_are_accepted(password):
    assert not password_problems(password, email="ada@acme.example", name="Ada Lovelace")


@pytest.mark.parametrize(
    "password",
    [
        "",
        "1234567",
        "password1",
        "PASSWORD!!",
        "p4ssw0rd",
        "11111111",
        "abcdefgh",
        "qwerty123",
        "adalovelace",
        "x" * 1025,
    ],
)
def test_F14_short_common_and_endless_passwords_are_refused_in_a_sentence(password):
    (problem, *_) = password_problems(password, email="ada@acme.example", name="Ada Lovelace")

    assert problem.endswith(".")


@given(st.text(max_size=2000))
def test_F18_every_text_is_judged_at_once(password):
    started = time.process_time()

    password_problems(password, email="ada@acme.example", name="Ada")

    assert time.process_time() - started < 1


@given(st.text(max_size=300))
def test_N2_an_address_is_refused_or_normal(text):
    try:
        address = normal_address(text)
    except Invalid:
        return

    assert address == normal_address(address) == address.lower()
    assert address.isascii()
    assert address.count("@") == 1


@given(st.text(max_size=60))
def test_E1_what_passes_for_a_path_is_one(text):
    path = own_path("/" + text)

    assert path is None or (path.startswith("/") and "//" not in path.split("?")[0].split("#")[0] and "\\" not in path)
