"""What a request needs: which stages, and who may answer them.

Auto-approval is not a special case: it is an answer with no stages.
"""

from portal.policies.decide import Decision, StageSpec, decide, explain
from portal.policies.reviewers import may_answer, reviewers_for

__all__ = ["Decision", "StageSpec", "decide", "explain", "may_answer", "reviewers_for"]
