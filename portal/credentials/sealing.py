"""Secrets that must be read back, sealed at rest with a key that is kept elsewhere (H10).

``PORTICO_ENCRYPTION_KEY`` names one key or several: the first seals, all open. So a new one is put before the old one,
everything is sealed anew in time, and the old one is taken away. A wrong key is an error, never garbage: each sealed
text carries a proof of its key (Fernet: AES-128-CBC with HMAC-SHA256).
"""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class BadEncryptionKey(Exception):
    """The encryption key is unusable, or another than what was sealed needs; the text says which."""


class Sealer:
    """Seals with the first of its keys and opens with any."""

    def __init__(self, keys: list[str]) -> None:
        try:
            ferries = [Fernet(key) for key in keys]
        except ValueError:
            raise BadEncryptionKey(
                "PORTICO_ENCRYPTION_KEY is not usable: each key must be 32 random bytes in URL-safe base64 (python -c "
                '"from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())").'
            ) from None
        self._first, self._all = ferries[0], MultiFernet(ferries)

    def seal(self, text: str) -> str:
        """The text, readable only with the key."""
        return self._first.encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """What was sealed. Raises BadEncryptionKey when none of the keys did it, or a sign of it was changed."""
        try:
            return self._all.decrypt(sealed).decode()
        except InvalidToken:
            raise BadEncryptionKey(
                "It was sealed with another key than PORTICO_ENCRYPTION_KEY, or is damaged."
            ) from None

    def is_sealed_by_first(self, sealed: str) -> bool:
        """Whether the key that seals now has sealed it, so that the others are not needed for it."""
        try:
            self._first.decrypt(sealed)
        except InvalidToken:
            return False
        return True


def sealer_for(setting: str) -> Sealer | None:
    """The sealer of the keys in the setting, separated by commas or blanks; None when there are none."""
    keys = setting.replace(",", " ").split()
    return Sealer(keys) if keys else None
