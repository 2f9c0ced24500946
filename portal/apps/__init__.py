"""What will call: the developers' apps."""

from portal.apps.models import DeveloperApp, Visibility
from portal.apps.registry import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    add_app,
    apps_of,
    apps_page,
    apps_visible_to,
    change_app,
    find_app,
    mark_deleted,
    split_urls,
)

__all__ = [
    "LONGEST_DESCRIPTION",
    "LONGEST_NAME",
    "DeveloperApp",
    "Visibility",
    "add_app",
    "apps_of",
    "apps_page",
    "apps_visible_to",
    "change_app",
    "find_app",
    "mark_deleted",
    "split_urls",
]
