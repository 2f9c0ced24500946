"""Drawing pages: macros are made once in a process, however many pages and rows use them.

A macro knows nothing of the page that calls it, but for what every macro may ask: where a page is (``url_for``), the
token of its forms, and the present moment. So it is imported without the page's context; with it, jinja would run the
whole file of macros again for each row of a list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask
from jinja2 import Template

from portal.db import now

if TYPE_CHECKING:
    from jinja2.environment import TemplateModule
    from jinja2.runtime import Context


class Drawn(Template):
    """A template whose macros are the same for whoever imports them."""

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        """The macros, made once. Jinja would look each time whether the page has globals of its own: none has."""
        return super()._get_default_module()


def register_drawing(app: Flask) -> None:
    """Let macros be made once, and ask for the present moment."""
    app.jinja_env.template_class = Drawn
    app.jinja_env.globals["present_moment"] = now
