"""What happened: the audit record, and the messages that follow from it.

``record`` writes both, once, in the transaction of the change itself. Nothing is ever sent from here: the delivery
worker claims messages with a lease and a channel sends them.
"""

from portal.events.audit import (
    Actor,
    audit_page,
    changed_fields,
    find_event,
    last_event,
    latest_events,
    record,
    record_access,
    subject_history,
)
from portal.events.channel import Channel, Draft, Failed, channel_named, register, registered
from portal.events.deadletters import replay, replay_all, set_aside_waiting
from portal.events.following import follow
from portal.events.kinds import EventKind
from portal.events.models import AuditEvent, MessageState, OutboxMessage
from portal.events.outbox import (
    backlog,
    claim,
    complete,
    delay_before,
    enqueue,
    fail,
    find_message,
    forget_content,
    forget_leases,
    name_messages_after,
    outbox_page,
    put_back,
    release,
)

__all__ = [
    "Actor",
    "AuditEvent",
    "Channel",
    "Draft",
    "EventKind",
    "Failed",
    "MessageState",
    "OutboxMessage",
    "audit_page",
    "backlog",
    "changed_fields",
    "channel_named",
    "claim",
    "complete",
    "delay_before",
    "enqueue",
    "fail",
    "find_event",
    "find_message",
    "follow",
    "forget_content",
    "forget_leases",
    "last_event",
    "latest_events",
    "name_messages_after",
    "outbox_page",
    "put_back",
    "record",
    "record_access",
    "register",
    "registered",
    "release",
    "replay",
    "replay_all",
    "set_aside_waiting",
    "subject_history",
]
