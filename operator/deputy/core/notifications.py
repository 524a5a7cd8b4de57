"""What the tracker is told by the operator itself: the start, the wait and the end of a run.

Every id follows from the run, so that a new leader repeats all of it harmlessly.
"""

import dataclasses

from deputy.core import messages
from deputy.core.outcome import RunOutcome
from deputy.core.phase import Phase
from deputy.core.plan import plan_at_end, plan_of
from deputy.core.reason import RunReason
from deputy.trackers.updates import (
    AddLinks,
    ChangeIssue,
    Failure,
    PostActivity,
    PostComment,
    Priority,
    Response,
    SessionLink,
    SetPlan,
    Update,
)
from deputy.wire import Step, Thought, stable_id


@dataclasses.dataclass(frozen=True, slots=True)
class Recipients:
    """Whom a run speaks to, and in which workflow states its issue may be put."""

    run_uid: str
    run_name: str
    issue_id: str
    session: str
    """The session that the run began with; progress is shown there."""
    sessions: tuple[str, ...]
    """Every session that is attached to the run, the first one included."""
    app_user_id: str = ""
    in_progress: str = ""
    in_review: str = ""
    needs_human: str = ""
    has_repository: bool = False


def start(recipients: Recipients) -> tuple[Update, ...]:
    """Tell that work begins: delegate and state of the issue, and the plan."""
    plan = plan_of(Phase.LAUNCHING, has_repository=recipients.has_repository)
    return (
        ChangeIssue(
            recipients.issue_id,
            state_id=recipients.in_progress or None,
            delegate_id=recipients.app_user_id or None,
            session_id=recipients.session,
        ),
        SetPlan(recipients.session, plan),
    )


def waiting(recipients: Recipients, message: str) -> tuple[Update, ...]:
    """Tell every session why its run waits."""
    return _not_started(recipients, "queued", message)


def delayed(recipients: Recipients, message: str) -> tuple[Update, ...]:
    """Tell every session, once, why its run has no pod though it has a slot."""
    return _not_started(recipients, "delayed", message)


def _not_started(recipients: Recipients, what: str, message: str) -> tuple[Update, ...]:
    return tuple(
        PostActivity(
            session,
            stable_id(recipients.run_uid, f"{what}/{session}"),
            Thought(messages.queued(message), ephemeral=False),
            Priority.NORMAL,
        )
        for session in recipients.sessions
    )


def keep_alive(recipients: Recipients, phase: Phase, at: int) -> tuple[Update, ...]:
    """Show for a moment that the run lives; `at` tells one such moment from the next."""
    body = "Still waiting for a slot." if phase is Phase.QUEUED else "Still working."
    activity = stable_id(recipients.run_uid, f"alive/{at}")
    thought = Thought(body, ephemeral=True)
    return (PostActivity(recipients.session, activity, thought, Priority.EPHEMERAL),)


def stopping(recipients: Recipients) -> tuple[Update, ...]:
    """Show, until the closing words, that the run is being stopped."""
    thought = Thought(messages.STOPPING, ephemeral=True)
    activity = stable_id(recipients.run_uid, "stopping")
    return (PostActivity(recipients.session, activity, thought, Priority.NORMAL),)


def progress(
    recipients: Recipients, phase: Phase, agent_steps: tuple[Step, ...], *, delivering: bool = False
) -> tuple[Update, ...]:
    """Tell how far the plan is."""
    plan = plan_of(
        phase, agent_steps, has_repository=recipients.has_repository, delivering=delivering
    )
    return (SetPlan(recipients.session, plan),)


def end(
    recipients: Recipients,
    outcome: RunOutcome,
    last: Phase,
    agent_steps: tuple[Step, ...],
    pull_request: str,
) -> tuple[Update, ...]:
    """Tell the end: links, plan, state, the audit comment, and last of all the closing words."""
    plan = plan_at_end(last, outcome.phase, agent_steps, has_repository=recipients.has_repository)
    updates: list[Update] = []
    if pull_request:
        updates.append(AddLinks(recipients.session, (SessionLink("Pull request", pull_request),)))
    if last is not Phase.QUEUED:
        updates.append(SetPlan(recipients.session, plan))
        updates.extend(_issue_updates(recipients, outcome))
    return (*updates, *closing(recipients, outcome))


def closing(recipients: Recipients, outcome: RunOutcome) -> tuple[Update, ...]:
    """Return the closing activity of every session: exactly one for each, whoever posts it."""
    content = Failure(outcome.text) if outcome.needs_human else Response(outcome.text)
    also = _for_other_sessions(outcome)
    return tuple(
        PostActivity(
            session,
            stable_id(recipients.run_uid, f"end/{session}"),
            content if session == recipients.session else also,
            Priority.TERMINAL,
        )
        for session in recipients.sessions
    )


def closing_plainly(recipients: Recipients, outcome: RunOutcome, session: str) -> PostActivity:
    """Return the closing activity for a session whose tracker refused the one in full words.

    Its id is another one, as the first may have been refused for its id. Nothing is in it that
    somebody else wrote at length: no Markdown, no line break, and few words.
    """
    text = messages.plainly(recipients.run_name, outcome)
    return PostActivity(
        session,
        stable_id(recipients.run_uid, f"end/{session}/plain"),
        Failure(text) if outcome.needs_human else Response(text),
        Priority.TERMINAL,
    )


def _for_other_sessions(outcome: RunOutcome) -> Response | Failure:
    """Return the closing words for sessions that were attached to the run of another one."""
    text = f"The run that this session had joined is over.\n\n{outcome.text}"
    return Failure(text) if outcome.needs_human else Response(text)


def _issue_updates(recipients: Recipients, outcome: RunOutcome) -> tuple[Update, ...]:
    """Put the issue where a person finds it: in review, or in need of one."""
    if outcome.reason is RunReason.STOPPED_BY_USER:
        return ()
    comment = PostComment(
        recipients.issue_id,
        stable_id(recipients.run_uid, "audit"),
        f"Run `{recipients.run_name}`: {outcome.message}.",
        recipients.session,
    )
    state = ""
    if outcome.reason is RunReason.PULL_REQUEST_OPENED:
        state = recipients.in_review
    elif outcome.needs_human:
        state = recipients.needs_human
    if not state:
        return (comment,)
    moved = ChangeIssue(recipients.issue_id, state_id=state, session_id=recipients.session)
    return (moved, comment)
