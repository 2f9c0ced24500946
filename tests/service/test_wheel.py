"""The wheel holds everything that the portal needs: it runs where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
VISIT = """
from flask_migrate import upgrade
from portal import paths, seeding
from portal.app import create_app

print(paths.data_path("templates"))
app = create_app()
with app.app_context():
    upgrade()
    seeding.load_demo()
for path in ("/", "/catalogues", "/readyz", "/static/css/base.css", "/static/vendor/htmx/htmx.min.js",
             "/static/vendor/swagger-ui/swagger-ui-bundle.js"):
    with app.test_client() as client:
        print(client.get(path).status_code, path)
"""


def test_the_wheel_runs_without_the_checkout(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("portico-*.whl")
    unpacked, elsewhere = tmp_path / "unpacked", tmp_path / "elsewhere"
    zipfile.ZipFile(wheel).extractall(unpacked)
    elsewhere.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(unpacked),
        "PORTICO_DEMO": "true",
        "PORTICO_INSTANCE_DIR": str(elsewhere),
    }

    visited = subprocess.run(
        [sys.executable, "-c", VISIT], cwd=elsewhere, env=environment, capture_output=True, text=True, check=False
    )

    assert visited.returncode == 0, visited.stderr
    first, *answers = visited.stdout.splitlines()
    assert first == str(unpacked / "portal" / "_data" / "templates")
    assert len(answers) == 6
    assert all(answer.startswith("200 ") for answer in answers), answers
