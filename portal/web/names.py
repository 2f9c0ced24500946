"""Names that may imitate other names: letters of several scripts in one word, or letters that only look like Latin.

After Unicode's "highly restrictive" level (UTS 39): Japanese, Korean and Chinese mix their scripts by custom, with
Latin too. A word in Cyrillic beside a word in Latin is no imitation, unless all its letters look like Latin ones.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from flask import Flask

_CUSTOMARY = ({"Latin", "Cjk", "Hiragana", "Katakana"}, {"Latin", "Cjk", "Hangul"}, {"Latin", "Cjk", "Bopomofo"})
_LIKE_LATIN = frozenset("аеорсухіјѕԁһԛԝӏңԍмтвнкАВЕКМНОРСТХУІЈЅԌԚԜαονρυικτγηχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ")
_WORD = re.compile(r"[^\W\d_]+")
_JOINED = re.compile(r"(?<=[^\x00-\u024f])[\u200c\u200d](?=[^\x00-\u024f])")  # as Persian and emoji need them
_OTHER_FORMS = frozenset({"Fullwidth", "Mathematical", "Circled", "Squared", "Negative", "Parenthesized", "Regional"})


def register_names(app: Flask) -> None:
    """Let pages ask what is odd about a name."""
    app.add_template_filter(name_warning)


@lru_cache(maxsize=4096)
def name_warning(name: str) -> str:
    """What may deceive a reader of this name, in a few words; nothing for an ordinary name."""
    for word in _WORD.findall(unicodedata.normalize("NFC", name)):
        scripts = {_script_of(letter) for letter in word if unicodedata.category(letter) != "Lm"}
        if scripts & _OTHER_FORMS:
            return "letters in disguise"
        if len(scripts) > 1 and not any(scripts <= custom for custom in _CUSTOMARY):
            return f"{' and '.join(sorted(scripts))} letters in one word"
        if scripts <= {"Cyrillic", "Greek"} and len(word) > 1 and set(word) <= _LIKE_LATIN:
            return f"{next(iter(scripts))} letters that look like Latin ones"
    if any(unicodedata.category(sign) == "Cf" for sign in _JOINED.sub("", name)):
        return "signs that cannot be seen"
    return ""


def _script_of(letter: str) -> str:
    """The script of a letter: the first word of its name in Unicode, which is enough to tell scripts apart."""
    return unicodedata.name(letter, "unnamed").split()[0].capitalize()
