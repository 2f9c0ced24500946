"""What will call: the developers' apps."""

from portal.apps.models import DeveloperApp, Visibility
from portal.apps.registry import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    NOBODY,
    add_app,
    apps_of,
    apps_page,
    apps_visible_to,
    apps_without_owner,
    change_app,
    change_owner,
    find_app,
    mark_deleted,
    split_urls,
)

__all__ = [
    "LONGEST_DESCRIPTION",
    "LONGEST_NAME",
    "NOBODY",
    "DeveloperApp",
    "Visibility",
    "add_app",
    "apps_of",
    "apps_page",
    "apps_visible_to",
    "apps_without_owner",
    "change_app",
    "change_owner",
    "find_app",
    "mark_deleted",
    "split_urls",
]
