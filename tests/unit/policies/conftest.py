"""Property tests say what is true, not how long it takes on a busy machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("policies", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("policies")
