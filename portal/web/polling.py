"""Pages that ask every few seconds whether something has changed: how long they do before somebody has to look."""

from __future__ import annotations

from datetime import timedelta

from portal.db import now
from portal.web.lists import key_in_url

POLLED_FOR = timedelta(minutes=30)


def polled_until(*, anew: bool = False) -> int:
    """The second at which a page that is left open stops looking for news, so that it keeps no session alive for ever.

    ``anew`` for a page that has just been loaded; otherwise what the page was told then.
    """
    latest = int((now() + POLLED_FOR).timestamp())
    return latest if anew else min(key_in_url("until") or 0, latest)
