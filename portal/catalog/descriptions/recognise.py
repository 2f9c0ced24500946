"""Tell by its first bytes that a file is something else, and say so by name."""

from __future__ import annotations

import re

from portal.catalog.descriptions.model import Refused

SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"PK\x07\x08", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x1f\x9d", "a compressed file"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program (ELF)"),
    (b"MZ", "a program (Windows)"),
    (b"\xfe\xed\xfa", "a program (Mach-O)"),
    (b"\xcf\xfa\xed\xfe", "a program (Mach-O)"),
    (b"\xca\xfe\xba\xbe", "a compiled program"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"SQLite format 3", "a SQLite database"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
    (b"{\\rtf", "an RTF document"),
    (b"#!", "a script"),
    (b"#%RAML", "a RAML description"),
)
MARKUP: tuple[tuple[bytes, str], ...] = (
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<svg", "an SVG image"),
    (b"<", "an XML document"),
)
WANTED = "Portico reads OpenAPI 2.0, 3.0, 3.1 and 3.2, as JSON or YAML."


def refuse_by_signature(raw: bytes) -> None:
    """Refuse a file that is recognisably no text, or text of another kind."""
    for signature, name in SIGNATURES:
        if raw.startswith(signature) and not (signature == b"MZ" and raw[2:64].isascii() and b"\0" not in raw[:64]):
            raise Refused(f"This is {name}, not an API description. {WANTED}")
    if raw[257:262] == b"ustar":
        raise Refused(f"This is a tar archive, not an API description. {WANTED}")
    beginning = readable_beginning(raw)
    for signature, name in MARKUP:
        if beginning.startswith(signature):
            raise Refused(f"This is {name}, not an API description. {WANTED}")


def readable_beginning(raw: bytes) -> bytes:
    """The first few hundred letters in lower case, whatever byte order mark and encoding stand before them."""
    return re.sub(rb"^[^\x21-\x7e]+", b"", raw[:800].replace(b"\0", b"").lower())


OTHER_KINDS: tuple[tuple[str, str], ...] = (
    ("asyncapi", "an AsyncAPI description"),
    ("arazzo", "an Arazzo description"),
    ("overlay", "an OpenAPI Overlay"),
    ("swaggerVersion", "a Swagger 1 description"),
    ("raml", "a RAML description"),
    ("__schema", "a GraphQL schema"),
    ("openrpc", "an OpenRPC description"),
    ("$schema", "a JSON Schema"),
    ("apiVersion", "a Kubernetes manifest"),
)


def refuse_other_kind(root: dict[str, object]) -> None:
    """Refuse a mapping that names neither ``openapi`` nor ``swagger``, by the name of what it is if that shows."""
    info = root.get("info")
    if isinstance(info, dict) and ("_postman_id" in info or "getpostman" in str(info.get("schema", ""))[:200]):
        raise Refused(f"This is a Postman collection, not an OpenAPI description. {WANTED}")
    answer = root.get("data")
    if isinstance(answer, dict) and "__schema" in answer:
        root = answer
    for key, name in OTHER_KINDS:
        if key in root:
            raise Refused(f"This is {name}, not an OpenAPI description. {WANTED}")
    raise Refused(f"This is not an API description: neither “openapi” nor “swagger” stands at its top level. {WANTED}")
