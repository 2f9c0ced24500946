"""Real races: the same thing done at once by several threads, each with its own connection."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask, current_app

from portal.db import db


def race(n: int, function: Callable[[int], Any]) -> list[Any]:
    """Call ``function(0)`` to ``function(n - 1)`` at the same moment; what each returned, or the error it raised."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    db.session.rollback()  # what the test has read must hold up nobody
    barrier = threading.Barrier(n)
    results: list[Any] = [None] * n

    def run(number: int) -> None:
        with app.app_context():
            barrier.wait(timeout=30)
            try:
                results[number] = function(number)
            except Exception as error:  # noqa: BLE001  each contender's end is a result
                results[number] = error
            finally:
                db.session.remove()

    threads = [threading.Thread(target=contextvars.Context().run, args=(run, number)) for number in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    db.session.rollback()
    assert not any(thread.is_alive() for thread in threads), "a contender is stuck"
    return results


def errors_in(results: list[Any]) -> list[Exception]:
    """Those results that are errors."""
    found = [result for result in results if isinstance(result, Exception)]
    for error in found:
        print(repr(error)[:300])  # noqa: T201  pytest shows it when the test fails
    return found
