"""From bytes to text: byte order marks, UTF-16, and files that are not what they should be."""

from __future__ import annotations

import codecs
import re

from portal.catalog.descriptions.model import Faults, Refused

MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
SURROGATE = re.compile("[\ud800-\udfff]")


def decode(raw: bytes, faults: Faults) -> str:
    """The text of the file. An encoding other than UTF-8 is noted as a fault; a binary file is refused."""
    for mark, encoding in MARKS:
        if raw.startswith(mark):
            return decode_marked(raw[len(mark) :], encoding, faults)
    if encoding := unmarked_wide(raw):
        return decode_marked(raw, encoding, faults)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return decode_old(raw, error.start, faults)


def decode_marked(raw: bytes, encoding: str, faults: Faults) -> str:
    """Decode what a mark announced."""
    name = encoding.upper().removesuffix("-LE").removesuffix("-BE")
    if encoding == "utf-8":
        faults.add("file", "The file begins with a byte order mark, which JSON and many tools do not accept.")
    else:
        faults.add("file", f"The file is in {name}; API descriptions are written in UTF-8.")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise Refused(f"The file says it is {name} text, but byte {error.start + 1} is not.") from None


def unmarked_wide(raw: bytes) -> str:
    """The name of the UTF-16 or UTF-32 form that NUL bytes at the beginning give away, or nothing."""
    shape = tuple(byte == 0 for byte in raw[:4])
    shapes: dict[tuple[bool, ...], str] = {
        (False, True, True, True): "utf-32-le",
        (True, True, True, False): "utf-32-be",
        (False, True, False, True): "utf-16-le",
        (True, False, True, False): "utf-16-be",
    }
    return shapes.get(shape, "")


def decode_old(raw: bytes, start: int, faults: Faults) -> str:
    """Read a file that is not UTF-8 as Windows-1252, the likely old encoding, unless it is no text at all."""
    line = raw.count(b"\n", 0, start) + 1
    odd = sum(raw.count(byte) for byte in (b"\0", b"\x01", b"\x02", b"\x03", b"\x04", b"\x05", b"\x06"))
    if odd:
        raise Refused("This is a binary file, not an API description.")
    faults.add("file", f"The file is not in UTF-8 (line {line}); it was read as Windows-1252, so letters may be wrong.")
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def clean(text: str) -> str:
    """The text with surrogate pairs joined, and NUL and lone surrogates, which no database takes, replaced."""
    if SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "\ufffd")
