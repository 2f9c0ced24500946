"""A person at a browser without JavaScript (or with htmx): follows links and presses buttons by what they read.

Each request runs in a fresh context, as in a server; otherwise Flask's test client would share the test's application
context, and a forgotten commit would pass.
"""

from __future__ import annotations

import contextvars
import html
import re
from functools import cached_property
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from flask import Flask, session
from flask_security import login_user
from flask_wtf.csrf import generate_csrf
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.accounts import User
from portal.db import db
from portal.web.sessions import ServerSession
from tests.support.builders import PASSWORD


class Page:
    """What the person sees: a status, a text, links and forms."""

    def __init__(self, browser: Browser, path: str, answer: TestResponse) -> None:
        self.browser = browser
        self.path = path
        self.answer = answer
        self.status = answer.status_code
        self.headers = answer.headers
        self.html = answer.get_data(as_text=True)
        if answer.mimetype == "text/html" and "<html" in self.html:
            self._check_manners()

    @cached_property
    def soup(self) -> BeautifulSoup:
        """The page, read: which takes as long as many a page takes to be made, so only for who asks."""
        return BeautifulSoup(self.html, "html.parser")

    @property
    def asks_to_sign_in(self) -> bool:
        """Whether this is the sign-in page, or the one that keeps what was typed until somebody has signed in."""
        return self.path.startswith("/login") or (self.status == 401 and "Sign in" in self.text("main"))

    def text(self, selector: str = "body") -> str:
        """The words in the first element that matches, with white space folded."""
        found = self.soup.select_one(selector) or (self.soup if selector == "body" else None)
        assert found is not None, f"{self.path} has no {selector}"
        return " ".join(found.get_text(" ").split())

    def texts(self, selector: str) -> list[str]:
        """The words of every element that matches."""
        return [" ".join(e.get_text(" ").split()) for e in self.soup.select(selector)]

    def follow(self, label: str, *, within: str = "body") -> Page:
        """Press the link that reads so."""
        for link in self._scope(within).find_all("a", href=True):
            if _name_of(link) == label:
                return self.browser.get(urljoin(self.path, str(link["href"])))
        raise AssertionError(f"{self.path} has no link {label!r}")

    def has_button(self, label: str, *, within: str = "body") -> bool:
        """Whether a button that reads so is there and can be pressed."""
        return any(_name_of(b) == label for b in self._buttons(within))

    def press(self, label: str, *, within: str = "body", htmx: bool = False, **values: Any) -> Page:
        """Press the button that reads so, with fields filled by label or name: ``press("Save", **{"Name": "x"})``."""
        for button in self._buttons(within):
            if _name_of(button) == label:
                return self._submit(button, values, htmx)
        raise AssertionError(
            f"{self.path} has no button {label!r}; it has {[_name_of(b) for b in self._buttons(within)]}"
        )

    def field(self, label: str) -> Tag:
        """The field that is labelled so."""
        for field in self.soup.find_all(["input", "select", "textarea"]):
            if label in (self._label_of(field), field.get("name")):
                return field
        raise AssertionError(f"{self.path} has no field {label!r}")

    def _scope(self, within: str) -> Tag:
        found = self.soup.select_one(within) if within != "body" else self.soup
        assert found is not None, f"{self.path} has no {within}"
        return found

    def _buttons(self, within: str) -> list[Tag]:
        buttons = self._scope(within).find_all(["button", "input"])
        kinds = {"button": {"submit", ""}, "input": {"submit"}}
        return [b for b in buttons if str(b.get("type", "")) in kinds[b.name] and not b.has_attr("disabled")]

    def _submit(self, button: Tag, values: dict[str, Any], htmx: bool) -> Page:
        form = self._form_of(button)
        sent = self._values(form, button)
        for label, value in values.items():
            name = self._field_name(form, label)
            sent = [(n, v) for n, v in sent if n != name]
            choices = value if isinstance(value, list | tuple) and not _is_file(value) else [value]
            sent += [(name, v) for v in choices if v is not None and v is not False]
        action = str(button.get("formaction") or form.get("action") or self.path)
        url = urljoin(self.path, action)
        if str(form.get("method", "get")).lower() == "get":
            return self.browser.get(url, query_string=sent)
        return self.browser.post(url, _as_form(sent), htmx=htmx)

    def _form_of(self, element: Tag) -> Tag:
        named = element.get("form")
        form = self.soup.find("form", id=named) if named else element.find_parent("form")
        assert isinstance(form, Tag), f"{_name_of(element)!r} stands in no form"
        return form

    def _values(self, form: Tag, button: Tag) -> list[tuple[str, Any]]:
        sent: list[tuple[str, Any]] = []
        fields = form.find_all(["input", "select", "textarea"])
        if form.get("id"):
            fields += self.soup.find_all(["input", "select", "textarea"], form=form["id"])
        for field in fields:
            if not field.get("name") or field.has_attr("disabled"):
                continue
            sent += [(str(field["name"]), value) for value in _value_of(field)]
        if button.get("name"):
            sent.append((str(button["name"]), str(button.get("value", ""))))
        return sent

    def _field_name(self, form: Tag, label: str) -> str:
        fields = form.find_all(["input", "select", "textarea"])
        if form.get("id"):
            fields += self.soup.find_all(["input", "select", "textarea"], form=form["id"])
        for field in fields:
            if label in (self._label_of(field), field.get("name")):
                return str(field["name"])
        raise AssertionError(f"{self.path} has no field {label!r} in that form")

    def _label_of(self, field: Tag) -> str:
        if field.get("aria-label"):
            return str(field["aria-label"])
        label = self.soup.find("label", attrs={"for": field.get("id")}) if field.get("id") else None
        label = label or field.find_parent("label")
        if not isinstance(label, Tag):
            return ""
        words = [
            string
            for string in label.strings
            if not any(
                "optional" in (parent.get("class") or []) for parent in string.parents if isinstance(parent, Tag)
            )
        ]
        return " ".join(" ".join(words).split())

    def _check_manners(self) -> None:
        """Every page has one h1, a title that starts with it, and a token in each form that posts."""
        headings = re.findall(r"<h1\b[^>]*>(.*?)</h1>", self.html, re.DOTALL)
        assert len(headings) == self.html.count("<h1") == 1, f"{self.path} has {len(headings)} h1"
        title, heading = _words(self.html.partition("<title>")[2].partition("</title>")[0]), _words(headings[0])
        assert title.startswith(heading), f"{self.path}: title {title!r} does not start with h1 {heading!r}"
        for form in re.findall(r'<form\b[^>]* method="post"[^>]*>.*?</form>', self.html, re.DOTALL):
            assert 'name="csrf_token"' in form, f"{self.path} has a form without a token"


class Browser:
    """One browser with its own cookies."""

    def __init__(self, app: Flask, user: User | None = None) -> None:
        self.app = app
        self.client = app.test_client()
        if user is not None:
            self._enter(user.email)

    def sign_in(self, email: str, password: str = PASSWORD) -> Page:
        """Sign in by the form, as a person does."""
        page = self.get("/login").press("Sign in", Email=email, Password=password)
        assert "Sign in" not in page.texts("h1"), f"{email} could not sign in: {page.text()[:500]}"
        return page

    def _enter(self, email: str) -> None:
        """Sign in as the form does, without its pages: they took a seventh of all tests on pages."""
        db.session.rollback()
        contextvars.Context().run(self._begin_session, email)
        db.session.rollback()

    def _begin_session(self, email: str) -> None:
        kept, environ = self.app.session_interface, self.client.environ_base
        with self.app.test_request_context("/login", method="POST", environ_base=environ):
            person = db.session.scalars(select(User).where(User.email == email)).one()
            assert login_user(person, authn_via=["password"]), f"{email} could not sign in"
            generate_csrf()  # or the first page that a test looks at would have to keep one
            kept.save_session(self.app, session, self.app.response_class())
            self.client.set_cookie(kept.get_cookie_name(self.app), cast(ServerSession, session).id)

    def get(
        self, path: str, *, htmx: bool = False, query_string: Any = None, headers: dict[str, str] | None = None
    ) -> Page:
        """Open a page; redirects are followed."""
        return self._open("GET", path, query_string=query_string, headers=_headers(htmx, headers))

    def post(
        self, path: str, data: Any = None, *, htmx: bool = False, headers: dict[str, str] | None = None, **kwargs: Any
    ) -> Page:
        """Send a form, as a page's button does; redirects are followed."""
        return self._open("POST", path, data=data, headers=_headers(htmx, headers), **kwargs)

    def forge(self, path: str, data: dict[str, Any] | None = None, **kwargs: Any) -> Page:
        """Send a form that no page offered, with this browser's own valid token."""
        page = self.get("/account")  # which leads strangers to the sign-in page
        token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page.html)
        assert token is not None, "no page gave this browser a token"
        return self.post(path, {"csrf_token": token[1], **(data or {})}, **kwargs)

    def _open(self, method: str, path: str, **kwargs: Any) -> Page:
        kwargs.setdefault("follow_redirects", True)
        answer = self._send(method, path, **kwargs)
        parts = urlsplit(answer.request.url) if kwargs["follow_redirects"] else urlsplit(path)
        return Page(self, parts.path + (f"?{parts.query}" if parts.query else ""), answer)

    def _send(self, method: str, path: str, **kwargs: Any) -> TestResponse:
        db.session.rollback()  # give back what the test read, so that nothing waits for it
        kwargs.setdefault("buffered", True)  # what is streamed is read where it is made
        context = contextvars.Context()
        answer: TestResponse = context.run(self.client.open, path, method=method, **kwargs)
        db.session.rollback()
        return answer


def _words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def _name_of(element: Tag) -> str:
    name = element.get("aria-label") or element.get("value") if element.name == "input" else element.get("aria-label")
    return " ".join(str(name or element.get_text(" ")).split())


def _value_of(field: Tag) -> list[str]:
    kind = str(field.get("type", "text"))
    if field.name == "textarea":
        return [field.get_text()]
    if field.name == "select":
        options = field.find_all("option")
        chosen = [o for o in options if o.has_attr("selected")] or ([] if field.has_attr("multiple") else options[:1])
        return [str(o.get("value", o.get_text())) for o in chosen]
    if kind in {"submit", "button", "image", "file", "reset"}:
        return []
    if kind in {"checkbox", "radio"} and not field.has_attr("checked"):
        return []
    return [str(field.get("value", "on" if kind == "checkbox" else ""))]


def _as_form(sent: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    form: dict[str, list[Any]] = {}
    for name, value in sent:
        form.setdefault(name, []).append("on" if value is True else value)
    return form


def _is_file(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and hasattr(value[0], "read")


def _headers(htmx: bool, headers: dict[str, str] | None) -> dict[str, str]:
    return {**({"HX-Request": "true"} if htmx else {}), **(headers or {})}
