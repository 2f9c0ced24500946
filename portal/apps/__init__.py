"""What will call: the developers' apps."""

from portal.apps.models import DeveloperApp, Visibility
from portal.apps.registry import (
    add_app,
    apps_of,
    apps_page,
    apps_visible_to,
    change_app,
    find_app,
    mark_deleted,
)

__all__ = [
    "DeveloperApp",
    "Visibility",
    "add_app",
    "apps_of",
    "apps_page",
    "apps_visible_to",
    "change_app",
    "find_app",
    "mark_deleted",
]
