"""The authorization server: tokens, introspection, revocation, keys and metadata (Authlib at the seams).

``set_up`` loads the signing key, prepares the documents that never change, and opens the short road for these paths.
"""

from portal.oauth import leaks, registering  # whose views belong to the blueprint
from portal.oauth.endpoints import bp
from portal.oauth.install import set_up

__all__ = ["bp", "leaks", "registering", "set_up"]
