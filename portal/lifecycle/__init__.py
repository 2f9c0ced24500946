"""What becomes of access after it was given: notices, renewal, rotation, leaks, and access that nobody needs."""

from portal.lifecycle.claiming import (
    accept_later,
    activate,
    can_prove,
    claim,
    field_of,
    terms_to_accept,
    unclaimed_to_watch,
)
from portal.lifecycle.clock import credentials_due, keep_time
from portal.lifecycle.diagnosis import Door, DoorState, Stop, doors_of, fault_of, stop_of
from portal.lifecycle.leaks import FOUND_IN_PUBLIC, Find, LeakReport, leak_reports, opened_by, take_reports
from portal.lifecycle.notices import Ending, endings_of, notices_to_set, set_notices
from portal.lifecycle.retiring import (
    End,
    close_plan,
    deprecate,
    plans_due,
    products_due,
    retire,
    retire_due_plan,
    retire_due_product,
    retire_plan,
    tell_plan_ended,
)
from portal.lifecycle.rotation import end_old_secret, rotate, rotations_to_watch, stop_secrets
from portal.lifecycle.timers import SUBJECT, CredentialTimer

__all__ = [
    "FOUND_IN_PUBLIC",
    "SUBJECT",
    "CredentialTimer",
    "Door",
    "DoorState",
    "End",
    "Ending",
    "Find",
    "LeakReport",
    "Stop",
    "accept_later",
    "activate",
    "can_prove",
    "claim",
    "close_plan",
    "credentials_due",
    "deprecate",
    "doors_of",
    "end_old_secret",
    "endings_of",
    "fault_of",
    "field_of",
    "keep_time",
    "leak_reports",
    "notices_to_set",
    "opened_by",
    "plans_due",
    "products_due",
    "retire",
    "retire_due_plan",
    "retire_due_product",
    "retire_plan",
    "rotate",
    "rotations_to_watch",
    "set_notices",
    "stop_of",
    "stop_secrets",
    "take_reports",
    "tell_plan_ended",
    "terms_to_accept",
    "unclaimed_to_watch",
]
