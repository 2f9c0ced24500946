"""How often requests are approved at once, and which rules counted: of each version of a policy (C146)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from portal.access.review import PolicyDecision
from portal.db import db, now
from portal.policies import Outcome, PolicyVersion

DAYS_COUNTED, MOST_COUNTED = 90, 500


@dataclass(frozen=True)
class Share:
    """Of so many requests, so many were approved at once."""

    requests: int = 0
    at_once: int = 0

    @property
    def percent(self) -> int:
        """The part that was approved at once, in whole percents."""
        return round(100 * self.at_once / self.requests) if self.requests else 0


@dataclass(frozen=True)
class RuleUse:
    """Of the requests that a version of a policy judged: how many it let through at once, in all and by rule.

    A request counts for each rule that counted for one of its products.
    """

    whole: Share
    by_rule: dict[str, Share]


def use_of_rules(version: PolicyVersion) -> RuleUse:
    """What came of the requests that this version judged when they were submitted, among the latest 500 of 90 days."""
    latest = select(PolicyDecision.outcome, PolicyDecision.matched)
    latest = latest.where(
        PolicyDecision.revision == 1, PolicyDecision.decided_at > now() - timedelta(days=DAYS_COUNTED)
    )
    requests, at_once = Counter[str](), Counter[str]()
    for outcome, matched in db.session.execute(latest.order_by(PolicyDecision.id.desc()).limit(MOST_COUNTED)):
        ours = [ruling for ruling in matched if version.id in (ruling.get("policy"), ruling.get("team"))]
        if not ours:
            continue
        counted = {
            told["rule"]
            for ruling in ours
            for told in ruling["matched"]
            if bool(told.get("team")) is (version.product_id is not None)
        }
        requests.update(["", *counted])
        if outcome == Outcome.AUTO:
            at_once.update(["", *counted])
    shares = {key: Share(requests[key], at_once[key]) for key in requests}
    return RuleUse(shares.pop("", Share()), shares)
