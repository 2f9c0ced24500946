"""Whether a text says anything at all."""

from __future__ import annotations

from unicodedata import category

# Separators, controls, what only shapes the letters beside it, and accents that stand on nothing.
_UNSEEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Mn"})
_LOOKS_EMPTY = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and a symbol by their category: fillers in truth


def is_blank(text: str) -> bool:
    """Whether nothing of this can be seen: it is empty, or all spaces and signs without a shape of their own.

    ``str.strip`` leaves zero-width spaces, soft hyphens and marks of direction. They belong inside of words and emoji,
    so they are not taken from what is stored; alone they are no reason, no name and no answer.
    """
    return all(category(sign) in _UNSEEN or sign in _LOOKS_EMPTY for sign in text)
