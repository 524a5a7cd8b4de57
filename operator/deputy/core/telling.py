"""What the tracker is told by the operator itself: the start, the wait and the end of a run.

Every id follows from the run, so that a new leader repeats all of it harmlessly.
"""

import dataclasses

from deputy.core import words
from deputy.core.ending import Ending
from deputy.core.phase import Phase
from deputy.core.plan import plan_at_end, plan_of
from deputy.core.reason import RunReason
from deputy.trackers.updates import (
    AddLinks,
    ChangeIssue,
    Failure,
    Link,
    PostActivity,
    PostComment,
    Priority,
    Response,
    SetPlan,
    Thought,
    Update,
)
from deputy.wire import Step, stable_id


@dataclasses.dataclass(frozen=True, slots=True)
class Audience:
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


def start(audience: Audience) -> tuple[Update, ...]:
    """Tell that work begins: delegate and state of the issue, and the plan."""
    plan = plan_of(Phase.LAUNCHING, has_repository=audience.has_repository)
    return (
        ChangeIssue(
            audience.issue_id,
            state_id=audience.in_progress or None,
            delegate_id=audience.app_user_id or None,
            session_id=audience.session,
        ),
        SetPlan(audience.session, plan),
    )


def waiting(audience: Audience, message: str) -> tuple[Update, ...]:
    """Tell every session why its run waits."""
    return tuple(
        PostActivity(
            session,
            stable_id(audience.run_uid, f"queued/{session}"),
            Thought(words.queued(message), ephemeral=False),
            Priority.NORMAL,
        )
        for session in audience.sessions
    )


def alive(audience: Audience, phase: Phase, at: int) -> tuple[Update, ...]:
    """Show for a moment that the run lives; `at` tells one such moment from the next."""
    body = "Still waiting for a slot." if phase is Phase.QUEUED else "Still working."
    activity = stable_id(audience.run_uid, f"alive/{at}")
    thought = Thought(body, ephemeral=True)
    return (PostActivity(audience.session, activity, thought, Priority.EPHEMERAL),)


def progressed(
    audience: Audience, phase: Phase, agents: tuple[Step, ...], *, delivering: bool = False
) -> tuple[Update, ...]:
    """Tell how far the plan is."""
    plan = plan_of(phase, agents, has_repository=audience.has_repository, delivering=delivering)
    return (SetPlan(audience.session, plan),)


def end(
    audience: Audience, ending: Ending, last: Phase, agents: tuple[Step, ...], pull_request: str
) -> tuple[Update, ...]:
    """Tell the end: links, plan, state, the audit comment, and last of all the closing words."""
    plan = plan_at_end(last, ending.phase, agents, has_repository=audience.has_repository)
    updates: list[Update] = []
    if pull_request:
        updates.append(AddLinks(audience.session, (Link("Pull request", pull_request),)))
    if last is not Phase.QUEUED:
        updates.append(SetPlan(audience.session, plan))
        updates.extend(_hand_over(audience, ending))
    return (*updates, *closing(audience, ending))


def closing(audience: Audience, ending: Ending) -> tuple[Update, ...]:
    """Return the closing activity of every session: exactly one for each, whoever posts it."""
    content = Failure(ending.text) if ending.is_trouble else Response(ending.text)
    also = _elsewhere(ending)
    return tuple(
        PostActivity(
            session,
            stable_id(audience.run_uid, f"end/{session}"),
            content if session == audience.session else also,
            Priority.TERMINAL,
        )
        for session in audience.sessions
    )


def _elsewhere(ending: Ending) -> Response | Failure:
    """Return the closing words for sessions that were attached to the run of another one."""
    text = f"The run that this session had joined is over.\n\n{ending.text}"
    return Failure(text) if ending.is_trouble else Response(text)


def _hand_over(audience: Audience, ending: Ending) -> tuple[Update, ...]:
    """Put the issue where a person finds it: in review, or in need of one."""
    if ending.reason is RunReason.STOPPED_BY_USER:
        return ()
    comment = PostComment(
        audience.issue_id,
        stable_id(audience.run_uid, "audit"),
        f"Run `{audience.run_name}`: {ending.message}.",
        audience.session,
    )
    state = ""
    if ending.reason is RunReason.PULL_REQUEST_OPENED:
        state = audience.in_review
    elif ending.is_trouble:
        state = audience.needs_human
    if not state:
        return (comment,)
    moved = ChangeIssue(audience.issue_id, state_id=state, session_id=audience.session)
    return (moved, comment)
