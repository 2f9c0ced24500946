"""What may be handed in as a file, and under which name it is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.errors import Invalid
from portal.forms import MOST_BYTES, read_file, safe_name
from portal.forms.files import LONGEST_NAME, UNSAFE

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("shop.postman_collection.json", b'{"info": {}}', "application/json"),
        ("spec.yaml", b"openapi: 3.1.0", "application/yaml"),
        ("spec.YML", b"openapi: 3.1.0", "application/yaml"),
        ("design.pdf", b"%PDF-1.7 ...", "application/pdf"),
        ("picture.png", PNG, "image/png"),
        ("photo.JPG", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("notes.txt", "Größe".encode(), "text/plain"),
        ("read.md", b"# Title", "text/markdown"),
        ("all.zip", b"PK\x03\x04...", "application/zip"),
    ],
)
def test_known_kinds_are_kept(name, content, media_type):
    assert read_file(name, content).media_type == media_type


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("page.html", b"<script>", "cannot be handed in"),
        ("drawing.svg", b"<svg/>", "cannot be handed in"),
        ("program.exe", b"MZ", "cannot be handed in"),
        ("Makefile", b"all:", "cannot be handed in"),
        ("design.pdf", b"<html>", "not a PDF file"),
        ("picture.png", b"GIF89a", "not a PNG file"),
        ("data.json", b"{", "not a JSON file"),
        ("data.json", b"[" * 100_000, "not a JSON file"),
        ("data.json", b'"text"', "not a JSON file"),
        ("notes.txt", b"\xff\xfe", "not a text file"),
        ("notes.txt", b"a\x00b", "not a text file"),
        ("empty.txt", b"", "is empty"),
        ("large.txt", b"x" * (MOST_BYTES + 1), "at most 5 MB"),
    ],
)
def test_everything_else_is_refused_in_words(name, content, words):
    with pytest.raises(Invalid, match=words):
        read_file(name, content)


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        (r"C:\fakepath\design.pdf", "design.pdf"),
        ("a\u202efdp.exe.pdf", "a_fdp.exe.pdf"),
        ('x";\r\nSet-Cookie: a=b.txt', "x____Set-Cookie_ a=b.txt"),
        (".htaccess.txt", "htaccess.txt"),
        ("con.txt", "_con.txt"),
        ("Ünïcode 設計.pdf", "Ünïcode 設計.pdf"),
        ("", "file"),
        ("x" * 300 + ".json", "x" * 115 + ".json"),
    ],
)
def test_names_lose_what_could_do_harm(given_name, kept):
    assert safe_name(given_name) == kept


@given(st.text(max_size=300))
def test_no_name_is_dangerous(name):
    kept = safe_name(name)

    assert 0 < len(kept) <= LONGEST_NAME + 1
    assert not UNSAFE.search(kept)
    assert not kept.startswith(".")
    assert safe_name(kept) == kept or len(kept) > LONGEST_NAME
