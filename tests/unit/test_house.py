"""House rules that a machine can check. Each says why it is there, so that who breaks one knows what it would cost."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support import fragments

ROOT = Path(__file__).parents[2]
TOP_LEVEL = {
    *("portal", "admin", "catalog_seed", "templates", "static", "migrations", "tests", "docs", ".ci"),
    *("pyproject.toml", "requirements.lock", "requirements-dev.lock", "hatch_build.py", "Makefile"),
    *("package.json", "package-lock.json", ".npmrc", ".gitignore", ".gitattributes", ".editorconfig", ".env.example"),
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE"),
}
ROOMS = ("events", "accounts", "catalog", "apps", "credentials", "policies", "access")
JINJA = re.compile(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


@cache
def our_files() -> list[Path]:
    """Every file that is, or is about to be, under version control."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in sorted(set(listed.split("\0"))) if name and (ROOT / name).is_file()]


def texts(*suffixes: str, below: str = "") -> Iterator[tuple[str, str]]:
    """Name and text of our files, of these kinds and below this folder."""
    for path in our_files():
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(below) and (not suffixes or path.suffix in suffixes):
            try:
                yield name, path.read_text()
            except UnicodeDecodeError:
                continue


def pages() -> Iterator[tuple[str, str]]:
    """The templates that a browser sees, with Jinja's own words blanked out."""
    for name, text in texts(".html", below="templates/"):
        # A mail has no Content-Security-Policy, and its readers have no style sheets.
        if not name.startswith(("templates/emails/", "templates/security/email/")):
            yield name, JINJA.sub(lambda found: "x" if found[0].startswith("{{") else " ", text)


def because(reason: str, breaches: list[str]) -> str:
    """What whoever broke the rule reads."""
    return f"{reason}\n" + "\n".join(f"  {breach}" for breach in breaches)


def test_there_is_something_to_look_at():
    assert len(our_files()) > 100
    for kinds, below in (
        ((), ""),
        ((".js",), "static/"),
        ((".html",), "templates/live/"),
        ((".html",), "templates/admin/"),
    ):
        assert list(texts(*kinds, below=below)), (kinds, below)
    assert list(pages())
    assert all(list(calls(face)) for face in ("portal/", "admin/"))


# --- the repository ------------------------------------------------------------------------------------------------


def test_the_top_level_holds_only_what_it_should():
    found = {path.relative_to(ROOT).parts[0] for path in our_files()}
    foreign = sorted(found - TOP_LEVEL)
    assert not foreign, because(
        "The top level is a table of contents: a new entry is a decision about the house.", foreign
    )


def test_no_third_party_or_built_file_is_committed():
    foreign = re.compile(
        r"(^|/)(node_modules|vendor|dist|build)/|\.min\.(js|css)$|\.(map|whl|pyc|so|sqlite3?|db|zip|gz|woff2?)$"
    )
    banner = re.compile(r"@license|@preserve|^/\*!", re.MULTILINE)
    names = [path.relative_to(ROOT).as_posix() for path in our_files()]
    found = [name for name in names if foreign.search(name)]
    found += [
        name for name, text in texts(".js", ".css", below="static/") if banner.search(text) or len(text) > 100_000
    ]
    assert not found, because(
        "Third-party code comes from packages that the lock files name, so that it can be updated and checked.", found
    )


def test_no_path_of_a_machine_is_committed():
    path = re.compile(r"(?<![\w.\-:/}>])/(root|home/\w+|Users/\w+)/\w|[A-Z]:\\Users\\")
    found = [f"{name}: {hit[0]}" for name, text in texts() if (hit := path.search(text)) and name != own_name()]
    assert not found, because("A path of one machine works on no other.", found)


def test_lock_files_name_no_host():
    locks = [(name, text) for name, text in texts(".lock", ".json") if "lock" in Path(name).name]
    found = [
        f"{name}: {hit[0]}"
        for name, text in locks
        if (hit := re.search(r"\w+://\S+|(extra-)?index-url|find-links", text))
    ]
    assert not found, because("Whoever installs chooses the package index, by the settings of their own tools.", found)


def test_no_secret_is_committed():
    secret = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}|\bp(cs|ak)_[0-9A-Za-z]{49}\b")
    found = [name for name, text in texts() if secret.search(text)]
    assert not found, because("A secret in the repository is known to everybody who ever had a copy.", found)


def own_name() -> str:
    return Path(__file__).relative_to(ROOT).as_posix()


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "pattern", "example"),
    [
        ("a script in the page", r"<script(?![^>]*\ssrc=)(?![^>]*\stype=.application/json)", "<script>go()</script>"),
        ("a style sheet in the page", r"<style\b", "<style>p {}</style>"),
        ("a style attribute", r"<[^>]*\sstyle\s*=", '<p class="a" style="color: red">'),
        ("a handler attribute", r"<[^>]*\son[a-z]+\s*=", '<a href="#" onclick="go()">'),
        ("an htmx handler or script value", r"\shx-on|=\s*[\"']js:|\shx-trigger=\"[^\"]*\[", '<a hx-vals="js:{a: 1}">'),
        ("a script address", r"=\s*[\"']?\s*javascript:", '<a href="javascript:go()">'),
        (
            "another origin",
            r"<(script|link|img|iframe|source)\b[^>]*\s(src|href)=[\"']?(https?:)?//",
            '<img src="//a.b">',
        ),
    ],
)
def test_pages_hold_nothing_that_the_content_security_policy_blocks(what, pattern, example):
    assert re.search(pattern, example), "a rule that sees no breach guards nothing"
    found = [f"{name}: {hit[0][:90]}" for name, text in pages() if (hit := re.search(pattern, text))]
    assert not found, because(
        f"The policy is default-src 'self' without inline code: {what} is silently dropped by the browser.", found
    )


def test_our_scripts_make_no_code_out_of_text():
    pattern = re.compile(
        r"\beval\(|new Function\(|set(?:Timeout|Interval)\(\s*[\"'`]|document\.write\(|\.innerHTML\s*="
    )
    found = [f"{name}: {hit[0]}" for name, text in texts(".js", below="static/") if (hit := pattern.search(text))]
    assert not found, because(
        "The policy forbids eval, and text that becomes markup is how script is smuggled in.", found
    )


@pytest.mark.parametrize(("face", "package"), [("live", "portal/live"), ("admin", "admin")])
def test_each_page_has_the_module_of_its_name(face, package):
    found = []
    for name, _ in texts(".html", below=f"templates/{face}/"):
        family = name.split("/")[2].removesuffix(".html")
        module = ROOT / package / family
        if not family.startswith("_") and not (module.with_suffix(".py").exists() or (module / "__init__.py").exists()):
            found.append(f"{name}: there is no {package}/{family}.py")
    assert not found, because(
        "Endpoint, module and template share one name, so that each is found from the others.", found
    )


def test_a_fragment_is_one_element_with_an_id():
    found = []
    for face in ("live", "admin"):
        for name, text in texts(".html", below=f"templates/{face}/"):
            if Path(name).name == "_frame.html":  # the top that all pages of a thing share; never swapped
                continue
            if Path(name).name.startswith("_") and (problem := fragments.problem_of(text)):
                found.append(f"{name}: {problem}")
    assert not found, because(
        "htmx swaps a fragment as a whole: what stands beside its root is lost or doubled, and the id is its target.",
        found,
    )


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ('<tr id="r-{{ r.id }}"><td>{% if a %}<b>{% else %}<i></i><b>{% endif %}x</b><br></td></tr>', ""),
        ('{# said #}{% if a %}<p id="a">x</p>{% else %}<p id="b"><img alt=""></p>{% endif %}', ""),
        ('<a id="x"{% if a %} href="{{ u }}"{% endif %}>x</a>', ""),
        ('<p id="a">x</p><p id="b">y</p>', "2 elements at the top"),
        ('{% for a in b %}<p id="{{ a }}">x</p>{% endfor %}', "a loop at the top"),
        ("<p>x</p>", "the root <p> has no id"),
    ],
)
def test_what_counts_as_one_element_with_an_id(template, problem):
    assert fragments.problem_of(template) == problem


# --- code ------------------------------------------------------------------------------------------------------------


def test_only_the_database_module_commits():
    found = [
        f"{name}:{call.lineno}"
        for name, call in calls("portal/", "admin/")
        if isinstance(call.func, ast.Attribute) and call.func.attr == "commit" and name != "portal/db.py"
    ]
    assert not found, because(
        "One request is one transaction, and its end stands in the view: a commit in between saves half a deed.", found
    )


def test_surfaces_do_not_touch_the_session():
    found = [
        f"{name}:{node.lineno}"
        for name, tree in modules("portal/live/", "admin/")
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr == "session" and ast.unparse(node.value) == "db")
        or (isinstance(node, ast.ImportFrom) and node.module == "portal.db" and not surface_may_take(node))
    ]
    assert not found, because(
        "Pages ask rooms. A query in a view is a rule about who sees what that no other page shares.", found
    )


def test_there_is_one_clock():
    readers = ("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "func.now", "func.current_timestamp")
    found = [
        f"{name}:{call.lineno}: {ast.unparse(call.func)}"
        for name, call in calls("portal/", "admin/")
        if ast.unparse(call.func).endswith(readers) and name != "portal/db.py"
    ]
    assert not found, because(
        "Times come from db.now(): one moment for a whole transaction, and one that tests can set.", found
    )


def surface_may_take(statement: ast.ImportFrom) -> bool:
    return {name.name for name in statement.names} <= {"transaction", "now"}


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for name, text in texts(".py", below=folder):
            yield name, ast.parse(text)


def calls(*folders: str) -> Iterator[tuple[str, ast.Call]]:
    for name, tree in modules(*folders):
        yield from ((name, node) for node in ast.walk(tree) if isinstance(node, ast.Call))
