"""What is said of a description that is refused."""

from __future__ import annotations

import time

import pytest

from portal.catalog import descriptions


def refused(raw: bytes) -> str:
    began = time.process_time()
    with pytest.raises(descriptions.Refused) as refusal:
        descriptions.read(raw)
    assert time.process_time() - began < 8
    assert len(str(refusal.value)) < 400
    return str(refusal.value)
