"""One transaction for a whole view of a library, begun at its first write.

Flask-Security's views read, hash a password (a tenth of a second), and then write. The writer must begin before the
first write and not before the hashing, or all others would wait meanwhile. ``begin_writing`` is called where the
writing starts; the transaction ends with the view.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from flask import g

from portal.db import transaction


@contextmanager
def one_write() -> Iterator[None]:
    """Let ``begin_writing`` in this block open one transaction, stored at the end of the block or not at all."""
    try:
        with ExitStack() as stack:
            g.portico_write, g.portico_is_writing = stack, False
            yield
    finally:
        g.portico_is_writing = False


def begin_writing() -> None:
    """From here on everything belongs to the view's one transaction. Drops what was changed but not yet stored."""
    if not g.portico_is_writing:
        g.portico_write.enter_context(transaction())
        g.portico_is_writing = True


@contextmanager
def writing() -> Iterator[None]:
    """A part of the view's transaction, or a transaction of its own when the view has none."""
    if g.get("portico_is_writing"):
        yield
        return
    with transaction():
        yield
