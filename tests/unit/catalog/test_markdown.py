from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from markupsafe import Markup

from portal.catalog import markdown


class Seen(HTMLParser):
    """The elements and attributes in a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def assert_harmless(text: str) -> None:
    seen = Seen(str(text))
    assert set(seen.elements) <= markdown.TAGS
    for name, value in seen.attributes:
        assert name in ("href", "title", "rel", "start", "align") or (name, value) == ("tabindex", "0")
        if name == "href":
            assert re.match(r"https?://|mailto:|#", value, re.IGNORECASE)


def test_markdown_becomes_html_below_the_heading_of_the_page():
    text = markdown.render(
        '# Title\n\nSome **bold** [link](https://a.example "t") and `code`.\n\n- one\n- two\n\n<h1>More</h1>'
    )

    assert isinstance(text, Markup)
    assert "<h2>Title</h2>" in text
    assert "<h2>More</h2>" in text
    assert "<strong>bold</strong>" in text
    assert '<a href="https://a.example" title="t" rel="noopener nofollow">link</a>' in text
    assert "<li>one</li>" in text
    assert "<h1" not in text


def test_html_in_a_description_comes_out_as_markup_not_as_tags():
    text = markdown.render(
        "<p>Hello <b onclick='x()' style='color:red'>you</b><br/>there</p><div class=x>and you</div>"
    )

    assert text == "<p>Hello <b>you</b><br>there</p><div>and you</div>"


def test_code_can_be_scrolled_by_keyboard():
    assert markdown.render("```\na\n```") == '<pre tabindex="0"><code>a\n</code></pre>\n'


def test_tables_are_tables():
    assert "<td>1</td>" in markdown.render("a | b\n--|--\n1 | 2")


@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:alert(1))",
        "[x](JAVASCRIPT:alert(1))",
        "[x](java\tscript:alert(1))",
        "[x](java&Tab;script:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](&#x6A;avascript&colon;alert(1))",
        "[x](\u0001javascript:alert(1))",
        "[x](<javascript:alert(1)>)",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:msgbox)",
        "[x](file:///etc/passwd)",
        "[x](//evil.example)",
        "<javascript:alert(1)>",
        "<data:text/html,x>",
        "[x][y]\n\n[y]: javascript:alert(1)",
        "[x][y]\n\n[y]: <data:text/html,x> 'title\" onclick=\"x'",
        '![a" onerror="alert(1)](https://x.example/"onload=)',
        "![a](javascript:alert(1))",
        "![a](data:image/svg+xml,x)",
        "![a](https://x.example/b.png \"t' onerror='x\")",
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<iframe src=javascript:alert(1)>",
        "<a href='java&#x09;script:alert(1)'>x</a>",
        "<a href='https://x.example' onclick=alert(1)>x</a>",
        "<form action=/x><input name=y><button>z</button></form>",
        "<style>*{display:none}</style>",
        "<math><mi//xlink:href='data:x,<script>alert(4)</script>'>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        '```"><script>alert(1)</script>\ncode\n```',
        "```\n</code></pre><script>alert(1)</script>\n```",
        "`</code><script>alert(1)</script>`",
        "    </pre><script>alert(1)</script>",
        "</div></main><script>alert(1)</script>",
        "<!--><script>alert(1)</script>-->",
        "<![CDATA[<script>alert(1)</script>]]>",
        "<base href=https://evil.example><meta http-equiv=refresh content=0>",
    ],
)
def test_D2_no_script_handler_or_script_address_survives(text):
    assert_harmless(markdown.render(text))


def test_D2_images_become_links_since_pages_load_nothing_from_elsewhere():
    text = markdown.render("![A chart](https://x.example/chart.png) ![near](chart.png)")

    assert text == '<p><a href="https://x.example/chart.png" rel="noopener nofollow">A chart</a> near</p>\n'


@settings(max_examples=200, deadline=None)
@given(some.text(alphabet="<>[]()!\"'`=/&#:;*_-~\\ \n\tjavscriptonlohefmg", max_size=120))
def test_D2_no_text_makes_markup_of_its_own(text):
    assert_harmless(markdown.render(text))


@pytest.mark.parametrize(
    "text",
    [
        ">" * 3_000,
        "> " * 3_000 + "x",
        "[" * 20_000,
        "![" * 10_000,
        "*" * 20_000,
        "*a_ " * 20_000,
        "**a " * 15_000,
        "*a **b " * 900,
        "_*" * 1_900,
        "`" * 50_000,
        "a`" * 1_900,
        "- " * 5_000,
        "1. " * 5_000,
        "<" * 90_000,
        "<a " * 1_900,
        "<!--" * 1_900,
        "[a](" * 1_900,
        "[a](<b" * 1_900,
        "[a]: x\n" * 1_900,
        "<div>" * 1_900,
        "|a" * 1_900 + "\n" + "|-" * 1_900,
        "\n".join("  " * depth + "- a" for depth in range(300)),
        "\n".join(">" * 20 + str(line) for line in range(2_000)),
        "x\n" * 49_000,
        "&amp;" * 19_000,
        "a" * 1_000_000,
        "*" * 5_000_000,
    ],
)
def test_D3_depth_and_size_take_less_than_a_second(text):
    markdown.rendered.cache_clear()
    began = time.process_time()
    markdown.render(text)
    markdown.summary_of(text)

    assert time.process_time() - began < 1


def test_D3_what_is_too_much_is_shown_as_it_is():
    assert markdown.render("[" * 20_000).startswith("<p>[[[[")
    assert markdown.render("<b>\n" * 5_000).startswith("<p>&lt;b&gt;<br>&lt;b&gt;")


def test_the_summary_is_plain_text_cut_at_a_word():
    assert markdown.summary_of("# Title\n\nSome **bold** words &amp; <i>more</i>.") == "Title Some bold words & more."
    assert markdown.summary_of("one two three four", 12) == "one two…"
    assert markdown.summary_of("") == ""


def test_letters_that_turn_the_direction_of_reading_are_left_out():
    assert "\u202e" not in markdown.render("a\u202eb")
