"""How large a file is, in words."""

import pytest

from portal.web import file_size


@pytest.mark.parametrize(("size", "words"), [(0, "0 bytes"), (1, "1 byte"), (14, "14 bytes"), (2_400, "2.4 kB")])
def test_a_size_is_told_as_one_says_it(size, words):
    assert file_size(size) == words
