"""Markdown that strangers wrote, as safe HTML.

Markdown becomes HTML, then one short list of elements and attributes decides what stays; descriptions that are HTML
already go the same way and come out as clean text. Links leave without the reader's trust (``rel``). Images become
links, since no page may load anything from another origin. Texts too long or nested without end are shown as they are.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

LENGTH = 100_000
NESTING = 20
LINES = 5_000
DENSITY = 2_000  # marks of one kind; more than any text needs, few enough to be quick
TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "hr", "i", "kbd", "li", "ol"),
    *("p", "pre", "s", "small", "span", "strong", "sub", "sup", "ul", "h2", "h3", "h4", "h5", "h6"),
    *("table", "tbody", "td", "th", "thead", "tr"),
}
ATTRIBUTES = {"a": {"href", "title"}, "abbr": {"title"}, "ol": {"start"}, "th": {"align"}, "td": {"align"}}
SILENT_TAGS = {
    "script",
    "style",
    "iframe",
    "object",
    "svg",
    "math",
    "template",
    "noscript",
    "title",
    "head",
    "textarea",
}
SCHEMES = {"http", "https", "mailto"}
NESTING_MARKS = re.compile(r"^[ \t]*(?:(?:>|[-*+]|\d{1,9}[.)])[ \t]*){21,}", re.MULTILINE)
OUTER_HEADING = re.compile(r"<(/?)h1\b", re.IGNORECASE)  # only from HTML in the text
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
SHUNNED_BEFORE_LINK = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\ufeff]")


def render(text: str) -> Markup:
    """The text as HTML that is safe in any page of ours, headings beginning at ``h2``."""
    return Markup(rendered(text))  # noqa: S704 - nh3 has decided on every element and attribute in it


@lru_cache(maxsize=256)
def rendered(text: str) -> str:
    """The safe HTML of a text."""
    text = CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if len(text) > LENGTH or is_excessive(text):
        return as_it_is(text[:LENGTH])
    try:
        return clean(OUTER_HEADING.sub(r"<\1h2", PARSER.render(text)))
    except RecursionError:
        return as_it_is(text)


def is_excessive(text: str) -> bool:
    """Whether the marks in a text are there to keep somebody busy."""
    if text.count("\n") > LINES or any(text.count(mark) > DENSITY for mark in "[]*_`~<!|\\&"):
        return True
    return NESTING_MARKS.search(text) is not None


def as_it_is(text: str) -> str:
    """The text without any formatting but its lines."""
    return f"<p>{html.escape(text).strip().replace(chr(10), '<br>')}</p>"


def clean(markup: str) -> str:
    """Only the elements, attributes and addresses that are allowed."""
    return nh3.clean(
        markup,
        tags=TAGS,
        clean_content_tags=SILENT_TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=allowed,
        url_schemes=SCHEMES,
        link_rel="noopener nofollow",
        set_tag_attribute_values={"pre": {"tabindex": "0"}},  # code that is too wide scrolls, by keyboard too
    )


def allowed(_element: str, attribute: str, value: str) -> str | None:
    """The value of an attribute, or ``None`` if it is not to be there."""
    if attribute == "href":
        return value if is_allowed(value) else None
    if attribute == "align":
        return value if value in ("left", "center", "right") else None
    if attribute == "start":
        return value if value.isdigit() and len(value) < 9 else None
    return value


def is_allowed(address: str) -> bool:
    """Whether a link may lead there: to the web, to a mail address, or to a place on the page."""
    plain = SHUNNED_BEFORE_LINK.sub("", html.unescape(address)).lower()
    return plain.startswith(("http://", "https://", "mailto:", "#"))


def render_heading(_renderer: Any, tokens: Sequence[Token], index: int, *_: Any) -> str:
    """A heading one level lower, since the page has its ``h1`` already."""
    level = min(int(tokens[index].tag[1]) + 1, 6)
    return f"<h{level}>" if tokens[index].nesting == 1 else f"</h{level}>\n"


def render_image(_renderer: Any, tokens: Sequence[Token], index: int, *_: Any) -> str:
    """A link to the image where it is on the web, else only what it shows."""
    words = html.escape(tokens[index].content or "image")
    source = str(tokens[index].attrs.get("src", ""))
    if not source.lower().startswith("https://"):
        return words
    return f'<a href="{html.escape(source)}">{words}</a>'


def parser() -> Any:
    """CommonMark with tables and strikethrough. HTML passes, for the cleaning to decide on."""
    made = MarkdownIt("commonmark", {"html": True, "linkify": False, "maxNesting": NESTING})
    made.enable(["table", "strikethrough"])
    made.add_render_rule("heading_open", render_heading)
    made.add_render_rule("heading_close", render_heading)
    made.add_render_rule("image", render_image)
    return made


PARSER = parser()


def summary_of(text: str, length: int = 200) -> str:
    """The beginning of a text in plain words, cut at a word."""
    beginning = text[: max(length * 20, 4_000)]
    markup = re.sub(r"</(?:p|h[2-6]|li|td|th|dt|dd|div|pre)>|<br>|<hr>", r"\g<0> ", rendered(beginning))
    words = " ".join(html.unescape(nh3.clean(markup, tags=set())).split())
    if len(words) <= length:
        return words
    return words[:length].rpartition(" ")[0].rstrip(" ,;:.-–") + "…"
