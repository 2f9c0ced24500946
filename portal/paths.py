"""Where the files beside the code are: templates, static files, migrations and the demo catalogue.

In a source checkout they stand at the top level, where people look for them. In an installed wheel they are part of the
package, in ``portal/_data``. Nothing else in Portico knows that there are two places.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
BESIDE_THE_CODE = ("templates", "static", "migrations", "catalog_seed")


def data_path(name: str) -> Path:
    """The folder of this name, in the wheel or in the checkout."""
    if name not in BESIDE_THE_CODE:
        raise ValueError(f"There is no data folder {name!r}; there are {', '.join(BESIDE_THE_CODE)}.")
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name
