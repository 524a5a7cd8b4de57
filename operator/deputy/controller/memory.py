"""What the leader remembers of a run between two looks; losing it costs a repetition, no more."""

import dataclasses

from deputy.core.ending import Problem
from deputy.core.run import (
    PullRequestSeen,
)
from deputy.relay.conversation import Conversation


@dataclasses.dataclass(frozen=True, slots=True)
class IssueSeen:
    """What the tracker told of an issue; all empty where it could not be read."""

    state_type: str | None = None
    labels: tuple[str, ...] = ()
    priority: int = 0
    branch_name: str = ""


@dataclasses.dataclass(slots=True)
class Memory:
    """What is remembered of one run."""

    talk: Conversation
    issue: IssueSeen | None = None
    acknowledged: frozenset[str] = frozenset()
    """Sessions whose first word was handed to the tracker."""
    begun: bool = False
    """Whether this leader has told the tracker that work begins."""
    noted: tuple[str, str, int] | None = None
    """Reason, message and place of the wait that status and sessions tell."""
    pull_request: PullRequestSeen | None = None
    pull_request_problem: Problem | None = None
    telling: bool = False
    told: bool = False
    log_saved: bool = False


class Memories:
    """The memories of all runs, by uid."""

    def __init__(self) -> None:
        self._by_uid: dict[str, Memory] = {}

    def of(self, uid: str, attempt: int) -> Memory:
        """Return the memory of a run; a new attempt starts with a new conversation."""
        found = self._by_uid.get(uid)
        if found is None:
            found = self._by_uid[uid] = Memory(Conversation(uid, attempt))
        elif found.talk.attempt != attempt:
            found.talk = Conversation(uid, attempt)
            found.pull_request = found.pull_request_problem = None
            found.log_saved = False
        return found

    def forget(self, uid: str) -> None:
        """Drop the memory of a run that is gone, and let its sidecar's polls end."""
        found = self._by_uid.pop(uid, None)
        if found is not None:
            found.talk.finish()

    def wake_all(self) -> None:
        """Let every waiting poll answer, so that the relay can end."""
        for memory in self._by_uid.values():
            memory.talk.wake()
