"""The authorization server: tokens, introspection, revocation, keys and metadata (Authlib at the seams)."""

from flask import Blueprint

bp = Blueprint("oauth", __name__)

__all__ = ["bp"]
