"""What becomes of access after it was given: notices, renewal, rotation, leaks, and access that nobody needs."""

from portal.lifecycle.clock import SUBJECT, CredentialTimer, credentials_due, keep_time
from portal.lifecycle.leaks import LeakReport

__all__ = ["SUBJECT", "CredentialTimer", "LeakReport", "credentials_due", "keep_time"]
