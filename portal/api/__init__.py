"""Surface for programs that act for people: access requests as JSON (T57, T58, C81)."""

from portal.api import description  # whose view belongs to the blueprint
from portal.api.guard import PATH
from portal.api.requests import bp

__all__ = ["PATH", "bp", "description"]
