"""What an activity looks like to Linear: JSON that its schema does not type but its server checks.

Every text is made fit to be sent: bounded, and without the characters that JSON or Linear's
database cannot hold. An action never lacks its parameter, because Linear refuses those.
"""

from typing import Any, TypeAlias, assert_never

from deputy.trackers.updates import (
    AddLinks,
    ChangeIssue,
    Content,
    Failure,
    PostActivity,
    PostComment,
    Response,
    SetPlan,
    Update,
)
from deputy.wire import Asked, Step, Thought, ToolFinished

JSONObject: TypeAlias = dict[str, Any]

#: Longest texts, in characters. Linear's own bounds are not documented; these are known to pass.
MAX_BODY = 16_000
MAX_ACTION = 200
MAX_PARAMETER = 1_000
MAX_LABEL = 200

#: Stands where Linear insists on a text and there is none.
NOTHING = "–"  # noqa: RUF001  a dash, which is what a person reads as "none"

_NOT_ALLOWED = {code: None for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: None}


def sanitised(text: str, most: int = MAX_BODY) -> str:
    """Return `text` as it may be sent; what is too long ends in an ellipsis."""
    clean = text.encode("utf-8", "replace").decode().translate(_NOT_ALLOWED).strip()
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def is_empty(update: Update) -> bool:
    """Say whether there is nothing in an update that anybody would see."""
    match update:
        case PostActivity(content=Thought(body=body)):
            return not sanitised(body)
        case PostComment(body=body):
            return not sanitised(body)
        case AddLinks(links=links):
            return not links
        case ChangeIssue(state_id=state, delegate_id=delegate):
            return state is None and delegate is None
        case _:
            return False


def activity_input(update: PostActivity) -> JSONObject:
    """Return the `AgentActivityCreateInput` of an update."""
    return {
        "id": update.activity_id,
        "agentSessionId": update.session_id,
        "content": _content(update.content),
        **_presentation(update.content),
    }


def plan_input(update: SetPlan) -> JSONObject:
    """Return the `AgentSessionUpdateInput` that replaces a plan; it is a list, not an object."""
    return {"plan": [_step(step) for step in update.steps]}


def links_input(update: AddLinks) -> JSONObject:
    """Return the `AgentSessionUpdateInput` that adds links; each address once."""
    by_url = {link.url: sanitised(link.label, MAX_LABEL) or link.url for link in update.links}
    return {"addedExternalUrls": [{"label": label, "url": url} for url, label in by_url.items()]}


def issue_input(update: ChangeIssue) -> JSONObject:
    """Return the `IssueUpdateInput` of an update; what stays as it is is absent, not null."""
    wanted = {"stateId": update.state_id, "delegateId": update.delegate_id}
    return {name: value for name, value in wanted.items() if value is not None}


def comment_input(update: PostComment) -> JSONObject:
    """Return the `CommentCreateInput` of an update."""
    return {"id": update.comment_id, "issueId": update.issue_id, "body": sanitised(update.body)}


def _step(step: Step) -> JSONObject:
    return {"content": sanitised(step.content, MAX_LABEL) or NOTHING, "status": step.status.value}


def _content(content: Content) -> JSONObject:
    match content:
        case Thought(body=body):
            return _with_body("thought", body)
        case ToolFinished():
            return _action(content)
        case Asked(question=body):
            return _with_body("elicitation", body)
        case Response(body=body):
            return _with_body("response", body)
        case Failure(body=body):
            return _with_body("error", body)
        case _:
            assert_never(content)


def _with_body(kind: str, body: str) -> JSONObject:
    return {"type": kind, "body": sanitised(body) or NOTHING}


def _action(content: ToolFinished) -> JSONObject:
    action = {
        "type": "action",
        "action": sanitised(content.action, MAX_ACTION) or NOTHING,
        "parameter": sanitised(content.parameter, MAX_PARAMETER) or NOTHING,
    }
    result = sanitised(content.result)
    return action | {"result": result} if result else action


def _presentation(content: Content) -> JSONObject:
    """Return how Linear is to show an activity: for a moment only, or with a choice."""
    match content:
        case Thought(ephemeral=True) | ToolFinished(ephemeral=True):
            return {"ephemeral": True}
        case Asked(options=options) if options:
            chosen = [{"value": value} for value in dict.fromkeys(map(_option, options))]
            return {"signal": "select", "signalMetadata": {"options": chosen}}
        case _:
            return {}


def _option(option: str) -> str:
    return sanitised(option, MAX_LABEL) or NOTHING
