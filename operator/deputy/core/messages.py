"""What Deputy says at the end of a run, and while it waits.

Each text names the fact and the next step: silence is the worst bug this product can have.
"""

import datetime as dt

from deputy.core.outcome import Problem, RunOutcome, phase_of_reason
from deputy.core.phase import Phase
from deputy.core.reason import RunReason
from deputy.wire import Finished

#: Longest text of a closing activity, and of `status.message`, in characters.
MAX_TEXT = 15_000
MAX_MESSAGE = 1_000

_RETRY = "To try again, reply here or delegate the issue anew."


def _truncated(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _outcome(reason: RunReason, message: str, text: str) -> RunOutcome:
    return RunOutcome(reason, _truncated(message, MAX_MESSAGE), _truncated(text, MAX_TEXT))


def _ended(text: str) -> str:
    """Return `text` with an end, so that another sentence can follow."""
    return text if text.endswith((".", "!", "?", "…", "`")) else f"{text}."


def sentence(text: str) -> str:
    """Return `text`, which may be another system's, as long as a status may hold it."""
    return _truncated(text, MAX_MESSAGE)


def position(place: int) -> str:
    """Say the place in the queue."""
    return f"waiting for a slot, number {place} in the queue"


def waits_for_run(name: str) -> str:
    """Say that an earlier run of the issue ends first."""
    return f"waiting for run {name} of the same issue to end"


EARLIER_RUN_OVER = "the run before it is over; waiting for a slot"


def queued(message: str) -> str:
    """Tell a session why its run waits."""
    return f"Not started yet: {message}. It starts by itself; send `/stop` to withdraw it."


def _saved(report: Finished | None) -> str:
    if report is None or not report.head_sha:
        return ""
    return f" The work so far is on branch `{report.branch}` (`{report.head_sha[:10]}`)."


def stopped(report: Finished | None) -> RunOutcome:
    """Confirm a stop."""
    text = f"Stopped, as asked.{_saved(report)} {_RETRY}"
    return _outcome(RunReason.STOPPED_BY_USER, "stopped, as asked", text)


def timed_out(limit: dt.timedelta, report: Finished | None) -> RunOutcome:
    """Tell that the time is up."""
    seconds = int(limit.total_seconds())
    fact = f"the run took longer than the {seconds} seconds that its Blueprint allows"
    text = (
        f"Stopped: {fact}.{_saved(report)} Ask for less at once, or raise "
        f"`spec.timeoutSeconds` of the Blueprint. {_RETRY}"
    )
    return _outcome(RunReason.TIMED_OUT, fact + "; raise spec.timeoutSeconds or ask for less", text)


def not_picked_up(reason: RunReason, message: str) -> RunOutcome:
    """Tell why nothing was begun."""
    return _outcome(reason, message, f"This issue was not picked up: {message}")


def no_task() -> RunOutcome:
    """Tell that there is nothing to do."""
    fact = "its task is blank; say in words what is to be done."
    return not_picked_up(RunReason.TASK_MISSING, fact)


def foreign_issue(blueprint: str) -> RunOutcome:
    """Say, to whoever looks at the run, why it may not have its issue; no session hears of it."""
    fact = (
        f"Blueprint {blueprint} takes no issues of this organisation, so no run of it may have one"
    )
    return not_picked_up(RunReason.ISSUE_NOT_ALLOWED, fact)


def other_team(blueprint: str) -> str:
    """Tell that a Blueprint takes the issues of another team than the issue's."""
    return f"Blueprint `{blueprint}` takes the issues of another team. Delegate it anew."


def failed(problem: Problem, report: Finished | None = None) -> RunOutcome:
    """Tell what went wrong; `problem.message` names the next step, `report` what was saved."""
    text = f"This did not work: {_ended(problem.message)}{_saved(report)} {_RETRY}"
    return _outcome(problem.reason, problem.message, text)


def reported_failure(report: Finished) -> RunOutcome:
    """Tell what the sidecar saw go wrong."""
    # Only failures are taken from the report: that a run went well is for us to verify.
    known = {
        reason.value: reason for reason in RunReason if phase_of_reason(reason) is Phase.FAILED
    }
    reason = known.get(report.reason, RunReason.AGENT_FAILED)
    first = report.text.strip().splitlines() or ["the agent failed and gave no reason"]
    text = report.text.strip() or first[0]
    text = f"This did not work: {_ended(text)}{_saved(report)} {_RETRY}"
    return _outcome(reason, first[0], text)


def ended_from_outside(report: Finished) -> RunOutcome:
    """Tell that the workspace was taken away."""
    fact = "the workspace was ended from outside (a node was drained, or its pod was deleted)"
    text = f"This did not work: {fact}.{_saved(report)} {_RETRY}"
    return _outcome(RunReason.POD_EVICTED, fact, text)


def completed(report: Finished) -> RunOutcome:
    """Hand over the agent's answer, where there is no repository."""
    text = report.text.strip() or "Done. The agent left no message."
    return _outcome(RunReason.COMPLETED, "the agent finished", text)


def no_changes(report: Finished) -> RunOutcome:
    """Hand over the agent's answer and say that there is nothing to merge."""
    said = report.text.strip()
    text = (f"{said}\n\n" if said else "") + "No commits were made, so there is no pull request."
    return _outcome(RunReason.NO_CHANGES, "the agent finished without a commit", text)


def opened(report: Finished, url: str, complaints: tuple[str, ...] = ()) -> RunOutcome:
    """Hand over the agent's answer and the pull request, which was seen on the forge."""
    said = report.text.strip()
    notes = "".join(f"\n\nNote: {complaint}" for complaint in complaints)
    tail = f"Pull request: {url}{notes}"
    # The address is what people wait for: it stays, however much the agent had to say.
    said = _truncated(said, MAX_TEXT - len(tail) - 2)
    text = (f"{said}\n\n" if said else "") + tail
    return _outcome(RunReason.PULL_REQUEST_OPENED, f"pull request {url}", text)


POD_DISAPPEARED = Problem(
    RunReason.POD_DISAPPEARED,
    "the workspace's pod disappeared before the agent was done; look at the node's and the "
    "namespace's events.",
)

POD_ENDED = Problem(
    RunReason.AGENT_LOST,
    "the workspace's pod ended without a word from the agent; look at its log, which is kept "
    "in the ConfigMap named after the run.",
)


def lost(silent: dt.timedelta) -> Problem:
    """Say that the workspace has been silent for too long."""
    return Problem(
        RunReason.AGENT_LOST,
        f"nothing was heard of the workspace for {int(silent.total_seconds())} seconds; "
        "look whether its node is up.",
    )


def pod_refused(name: str, said: str) -> RunOutcome:
    """Tell that Kubernetes does not take the pod."""
    return failed(
        Problem(
            RunReason.POD_REFUSED,
            f"Kubernetes refuses pod `{name}`: {said} Correct the Blueprint's `spec.workspace` "
            "and `spec.agent`, or the namespace's quota.",
        )
    )


def with_undelivered(outcome: RunOutcome, messages: int) -> RunOutcome:
    """Return `outcome`, whose words also say that the agent was not given some messages."""
    what = "A message" if messages == 1 else f"{messages} messages"
    note = f"\n\n{what} did not reach the agent any more; send again what still counts."
    text = _truncated(outcome.text, MAX_TEXT - len(note)) + note
    return RunOutcome(outcome.reason, outcome.message, text)


def deleted(name: str) -> RunOutcome:
    """Tell that somebody deleted the run."""
    fact = f"its AgentRun `{name}` was deleted"
    return _outcome(RunReason.STOPPED_BY_USER, fact, f"Stopped: {fact}. {_RETRY}")
