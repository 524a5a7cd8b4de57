"""What Deputy says at the end of a run, and while it waits.

Each text names the fact and the next step: silence is the worst bug this product can have.
"""

import datetime as dt

from deputy.core.outcome import Problem, RunOutcome, phase_of_reason
from deputy.core.phase import Phase
from deputy.core.pod_delay import PodObstacle
from deputy.core.reason import RunReason
from deputy.wire import Finished, Outcome

#: Longest text of a closing activity, and of `status.message`, in characters.
MAX_TEXT = 15_000
MAX_MESSAGE = 1_000
#: Longest of the words that are said where the full ones were refused.
MAX_PLAIN = 300

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
    """Say what was really pushed, or why it was not; nothing where there was nothing to save."""
    if report is None:
        return ""
    if report.head_sha:
        return f" The work so far is on branch `{report.branch}` (`{report.head_sha[:10]}`)."
    # Of a work that was cut short the sidecar tells in what follows the first paragraph.
    unsaved = report.text.partition("\n\n")[2] if report.outcome is Outcome.STOPPED else ""
    return f" {_ended(unsaved)}" if unsaved else ""


#: What a session shows while a sidecar ends its agent.
STOPPING = "Stopping: the agent is being ended and its work saved."


def stopped(report: Finished | None) -> RunOutcome:
    """Confirm a stop."""
    text = f"Stopped, as asked.{_saved(report)} {_RETRY}"
    return _outcome(RunReason.STOPPED_BY_USER, "stopped, as asked", text)


def timed_out(limit: dt.timedelta, report: Finished | None, obstacle: str = "") -> RunOutcome:
    """Tell that the time is up; `obstacle` is what kept the agent from ever beginning."""
    seconds = int(limit.total_seconds())
    fact = f"the run took longer than the {seconds} seconds that its Blueprint allows"
    never = f" It never began: {_ended(obstacle)}" if obstacle else ""
    text = (
        f"Stopped: {fact}.{never}{_saved(report)} Ask for less at once, or raise "
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


NODE_LOST = Problem(
    RunReason.AGENT_LOST,
    "the workspace's pod was deleted, and its node does not end it; look whether the node is up.",
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
            f"Kubernetes refuses pod `{name}`: {_ended(said)} Correct the Blueprint's "
            "`spec.workspace` and `spec.agent`.",
        )
    )


def not_writable(name: str, said: str) -> str:
    """Tell that the API server does not take the status of a run."""
    return sentence(f"the status of its AgentRun `{name}` is refused ({said})")


def quota_exceeded(said: str) -> PodObstacle:
    """Tell that a quota has no room for the pod."""
    fact = f"the namespace's ResourceQuota has no room for the workspace ({said})"
    return PodObstacle(RunReason.QUOTA_EXCEEDED, sentence(fact))


def pod_forbidden(name: str, said: str) -> PodObstacle:
    """Tell that the operator may not create the pod."""
    fact = f"Kubernetes does not let pod `{name}` be created ({said}); a right or a policy has to "
    return PodObstacle(RunReason.POD_FORBIDDEN, sentence(fact + "be changed"))


def pod_not_created(name: str, said: str) -> PodObstacle:
    """Tell that the API server does not manage to create the pod."""
    fact = f"the API server cannot create pod `{name}` at the moment ({said})"
    return PodObstacle(RunReason.POD_NOT_CREATED, sentence(fact))


def with_undelivered(outcome: RunOutcome, messages: int) -> RunOutcome:
    """Return `outcome`, whose words also say that the agent was not given some messages."""
    what = "A message" if messages == 1 else f"{messages} messages"
    note = f"\n\n{what} did not reach the agent any more; send again what still counts."
    text = _truncated(outcome.text, MAX_TEXT - len(note)) + note
    return RunOutcome(outcome.reason, outcome.message, text)


def plainly(name: str, outcome: RunOutcome) -> str:
    """Say how a run ended in one short line that no tracker can object to."""
    words = " ".join("".join(c if c.isprintable() else " " for c in outcome.message).split())
    line = words.translate(str.maketrans("", "", "`*_[]<>#|@\\~"))
    return f"Run {name} is over: {_truncated(line, MAX_PLAIN)} (The full text was refused.)"


def untold(sessions: int, of: int, why: str) -> str:
    """Say that closing words were refused, for the condition of a run that is over."""
    return sentence(f"over, but the tracker refused the closing words in {sessions} of {of}: {why}")


#: What is said in a session whose run is gone.
ORPHANED = (
    "Stopped: there is no AgentRun for this session any more; it was deleted while nobody "
    f"watched, or never came to be. {_RETRY}"
)


def deleted(name: str) -> RunOutcome:
    """Tell that somebody deleted the run."""
    fact = f"its AgentRun `{name}` was deleted"
    return _outcome(RunReason.STOPPED_BY_USER, fact, f"Stopped: {fact}. {_RETRY}")
