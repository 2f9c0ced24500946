"""The authorization server: tokens, introspection, revocation, keys and metadata (Authlib at the seams).

``set_up`` loads the signing key, prepares the documents that never change, and opens the short road for these paths.
"""

from portal.oauth import registering as _registering  # noqa: F401  # whose views belong to the blueprint
from portal.oauth.endpoints import bp
from portal.oauth.install import set_up

__all__ = ["bp", "set_up"]
