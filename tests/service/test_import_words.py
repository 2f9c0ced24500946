"""What an import says at its end, in words that fit the numbers."""

from __future__ import annotations

import pytest

from portal.errors import NotFound
from portal.importing import Summary, description_files


def test_the_summary_counts_like_a_person():
    one = Summary(made=["Payments"], refused=[("x.yaml", "It is empty.")], faulty=1)
    none = Summary(made=["Payments", "Returns"])

    assert list(one.lines()) == [
        "Refused x.yaml: It is empty.",
        "1 product made, 0 updated, 0 unchanged, 1 file refused.",
        "1 description has faults, which the product lists in the Admin Portal.",
    ]
    assert list(none.lines()) == ["2 products made, 0 updated, 0 unchanged, 0 files refused."]


def test_a_folder_without_descriptions_is_said_and_not_taken_for_success(tmp_path):
    (tmp_path / "README.md").write_text("nothing here")

    with pytest.raises(NotFound, match="There is no "):
        description_files([tmp_path])
