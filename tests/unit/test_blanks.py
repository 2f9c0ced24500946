"""What counts as having said something."""

import pytest

from portal.blanks import is_blank


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \t\r\n",
        "\u00a0\u2003\u3000",
        "\u200b",
        "\ufeff",
        "\u202e",
        "\u00ad",
        "\u200d\ufe0f",
        " \u200b \u2060\n\u00ad\u200e ",
        "\u2066\u2069",
        "\u3164\u115f\uffa0",
        "\u2800\u2800",
        "\u034f",
        "\U000e0041",
        "\x00",
    ],
)
def test_what_cannot_be_seen_says_nothing(text):
    assert is_blank(text)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        " . ",
        "\u200bYes\u200b",
        "👩\u200d💻",
        "❤\ufe0f",
        "می\u200cخواهم",
        "שלום",
        "\u202eשלום\u202c",
        "क्\u200dष",
        "é",
        "ไทย",
        "한국",
        "-",
        "\u05d0\u0301",
        "\U0001fae9",  # younger than the tables of Python 3.11
    ],
)
def test_what_can_be_seen_says_something(text):
    assert not is_blank(text)
