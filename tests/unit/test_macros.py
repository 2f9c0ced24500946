"""Macros are made once in a process: a fragment that imports them with its context makes them again for each row."""

import re
from pathlib import Path

TEMPLATES = Path(__file__).parents[2] / "templates"
READS_THE_PAGE = "macros/diagnosis.html"  # drawn once on its page


def test_macros_are_imported_without_the_context_of_the_page():
    importing = re.compile(r'{%-? (?:import|from) "(macros/[^"]+)"[^%]*with context')

    found = {
        str(page.relative_to(TEMPLATES))
        for page in TEMPLATES.rglob("*.html")
        for name in importing.findall(page.read_text())
        if name != READS_THE_PAGE
    }

    assert not found
