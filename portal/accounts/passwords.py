"""Which passwords are accepted: long enough, and not among the first that an attacker tries.

No rules about kinds of characters: they make passwords worse, not better (NIST SP 800-63B). Nothing is cut off or
trimmed. Before hashing, a password is normalised (Unicode NFKC), so that the same keys give the same password on
every device; upper and lower case, blanks and everything else count exactly as typed.
"""

from __future__ import annotations

import itertools
import re
import unicodedata

FEWEST = 8
MOST = 1024  # characters; far more than anybody types, and short enough to hash at once

_TOO_COMMON = frozenset(
    """
    password passwort motdepasse contrasena contraseña passw pass letmein letmeinnow welcome willkommen bienvenue
    bienvenido iloveyou ichliebedich tequiero jetaime qwerty qwertyuiop qwertz qwertzuiop azerty azertyuiop asdfgh
    asdfghjk asdfghjkl zxcvbn zxcvbnm yxcvbnm qazwsx qazwsxedc wsxedc qweasd qweasdzxc superman batman spiderman
    starwars pokemon football baseball basketball fussball liverpool arsenal chelsea barcelona realmadrid juventus
    princess sunshine shadow dragon monkey master michael jordan jessica charlie jennifer samantha ashley daniel
    computer internet samsung whatever trustno freedom mustang corvette mercedes ferrari porsche maverick hunter
    secret topsecret changeme changeit default admin administrator root toor guest user login test tester testing
    access access1 system server database oracle cisco temp temporary demo portico developer portal apiportal
    summer winter spring autumn january february august september october november december monday sommer abcdef
    abcdefg abcdefgh abcabc loveyou lovely flower butterfly chocolate cookie cheese pepper ginger banana blink182
    metallica nirvana slipknot hellokitty google facebook linkedin youtube amazon microsoft windows apple
    """.split()  # noqa: SIM905  a list of words reads best as words
)
_ADVICE = "Choose another, such as a few unrelated words."
_AS_LETTERS = str.maketrans("013457@$!", "oieastasi")


def normal_password(password: str) -> str:
    """The password as it is hashed (NFKC)."""
    return unicodedata.normalize("NFKC", password[: MOST + 1])


def password_problems(password: str, *, email: str = "", name: str = "") -> list[str]:
    """What is wrong with a new password, in sentences for the person who chose it; nothing when it may be used."""
    if len(password) > MOST:
        return [f"Use at most {MOST} characters."]
    password = normal_password(password)
    if len(password) < FEWEST:
        return [f"Use {FEWEST} characters or more."]
    if _is_pattern(password) or _core(password) in _TOO_COMMON:
        return [f"That password is one of the first that anybody would try. {_ADVICE}"]
    if _is_about(password, email, name):
        return [f"That password is close to your name or address. {_ADVICE}"]
    return []


def _core(password: str) -> str:
    """The word under the decoration: lower case, digits and signs at the ends dropped, 4 read as a, and so on."""
    word = password.lower()
    bare = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", word)
    if bare in _TOO_COMMON:
        return bare
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", word.translate(_AS_LETTERS))


def _is_pattern(password: str) -> bool:
    """Whether it is a run (12345678, abcdefgh), one piece repeated (abababab), or only a few different characters."""
    if len(set(password.lower())) < 4:
        return True
    if re.fullmatch(r"(.{1,4}?)\1+.{0,3}", password, re.DOTALL):
        return True
    steps = {ord(b) - ord(a) for a, b in itertools.pairwise(password)}
    if steps in ({1}, {-1}):
        return True
    return password.isdigit() and len(password) <= 10 and len(steps) <= 2


def _is_about(password: str, email: str, name: str) -> bool:
    word = re.sub(r"[\W\d_]+", "", password.lower())
    parts = {email.lower(), *email.lower().split("@"), name.lower(), *name.lower().split()}
    bare = {re.sub(r"[\W\d_]+", "", part) for part in parts}
    return password.lower() in parts or (bool(word) and word in {part for part in bare if len(part) >= 4})


__all__ = ["FEWEST", "MOST", "normal_password", "password_problems"]
