"""What is said of a turn that is over: as a commit's subject, and as the run's end."""

from deputy.wire import Finished, Outcome
from deputy_sidecar.agent.adapters.model import TurnEnded
from deputy_sidecar.agent.frames import MAX_OUTPUT
from deputy_sidecar.journal import Saved
from deputy_sidecar.sanitising import one_line

SAVE_SUBJECT = "Save uncommitted work"
_MAX_SUBJECT = 72

STOPPED = TurnEnded(Outcome.STOPPED, "Stopped", "Stopped, as asked.")
WORKSPACE_ENDED = TurnEnded(
    Outcome.STOPPED,
    "WorkspaceEnded",
    "The workspace was ended from outside while the agent worked.",
)
TOO_MUCH_OUTPUT = TurnEnded(
    Outcome.FAILED,
    "AgentFailed",
    f"The agent wrote more than {MAX_OUTPUT >> 20} MiB to its standard output. "
    "Let it write less, or to a file.",
)


def subject_of(ended: TurnEnded) -> str:
    """Return what to call the work that the agent left uncommitted: its own first words."""
    if ended.outcome is not Outcome.COMPLETED:
        return SAVE_SUBJECT
    first = next((line for line in ended.text.splitlines() if line.strip()), "")
    return one_line(first.strip("#*` "), _MAX_SUBJECT) or SAVE_SUBJECT


def finished_event(ended: TurnEnded, saved: Saved, delivered_through: str, branch: str) -> Finished:
    """Return the event that ends the run: how its last turn ended, and whether that was saved."""
    outcome, reason, text = ended.outcome, ended.reason, ended.text
    if saved.reason:
        last_words = f"\n\nThe agent's last words:\n\n{text}" if text else ""
        if outcome is Outcome.COMPLETED:
            outcome, reason, text = Outcome.FAILED, saved.reason, saved.message + last_words
        else:
            text = f"{text}\n\n{saved.message}"
    return Finished(
        outcome,
        reason,
        text,
        delivered_through,
        branch if saved.head_sha else "",
        saved.head_sha,
        saved.commits,
    )
