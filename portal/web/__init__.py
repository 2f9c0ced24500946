"""What every page needs: answers as page or fragment, found or 404, and who may open what.

Every view says who may open it with ``public``, ``signed_in`` or ``requires``; a view that says nothing is closed to
everybody. A test walks all routes and proves it.
"""

from portal.web.access import hold_the_door, public, requires, signed_in
from portal.web.answers import blame, done, found, is_htmx, page_url, render, seen_as
from portal.web.converters import key_of, register_converters
from portal.web.downloads import file_size, kept_file, register_sizes
from portal.web.drawing import register_drawing
from portal.web.errors import register_error_pages
from portal.web.fields import Said, WholeNumber
from portal.web.framing import framed
from portal.web.headers import register_headers
from portal.web.lists import chosen, key_in_url, name_and_key_in_url, page_of, searched
from portal.web.names import register_names
from portal.web.observe import register_observation
from portal.web.operations import bp as operations
from portal.web.operations import count_requests
from portal.web.person import current_person
from portal.web.polling import polled_until
from portal.web.step_up import step_up
from portal.web.whereabouts import note_whereabouts, register_whereabouts

__all__ = [
    "Said",
    "WholeNumber",
    "blame",
    "chosen",
    "count_requests",
    "current_person",
    "done",
    "file_size",
    "found",
    "framed",
    "hold_the_door",
    "is_htmx",
    "kept_file",
    "key_in_url",
    "key_of",
    "name_and_key_in_url",
    "note_whereabouts",
    "operations",
    "page_of",
    "page_url",
    "polled_until",
    "public",
    "register_converters",
    "register_drawing",
    "register_error_pages",
    "register_headers",
    "register_names",
    "register_observation",
    "register_sizes",
    "register_whereabouts",
    "render",
    "requires",
    "searched",
    "seen_as",
    "signed_in",
    "step_up",
]
