"""Compare an issue and its session with what was seen before. Pure: views in, lines out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from dev.demo.screen import UNBREAKABLE, Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MARKS = {"completed": "x", "inProgress": ">", "canceled": "-"}
_COLOURS = {
    "thought": "",
    "action": "cyan",
    "response": "green",
    "error": "red",
    "elicitation": "yellow",
    "prompt": "magenta",
}
_LONGEST_RESULT = 3
_LONGEST_ROW = 68


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What was told already."""

    activities: frozenset[str] = frozenset()
    plan: str = ""
    links: tuple[str, ...] = ()
    state: str = ""


def changes(
    seen: Seen, issue: Mapping[str, Any], session: Mapping[str, Any]
) -> tuple[Seen, list[Line]]:
    """Return what is new since `seen`, and what is seen now."""
    now = Seen(
        frozenset(one["id"] for one in session["history"]),
        plan_of(session),
        tuple(link["url"] for link in session["externalUrls"]),
        issue["state"]["name"],
    )
    return now, list(_lines(seen, now, session))


def plan_of(session: Mapping[str, Any]) -> str:
    """Return the session's plan in one line."""
    steps = session["plan"] or []
    shown = (f"[{_MARKS.get(one['status'], ' ')}] {one['content']}" for one in steps)
    return "  ".join(step.replace(" ", UNBREAKABLE) for step in shown)


def activity_line(activity: Mapping[str, Any]) -> Line:
    """Return the line of one activity."""
    content = activity["content"]
    kind = str(activity["type"])
    colour = "dim" if activity["ephemeral"] else _COLOURS.get(kind, "")
    who = "person" if kind == "prompt" else "session"
    return Line(who, kind, _text_of(content), colour)


def _lines(seen: Seen, now: Seen, session: Mapping[str, Any]) -> Iterator[Line]:
    if seen.state and now.state != seen.state:
        yield Line("issue", "state", f"{seen.state} → {now.state}", "blue")
    if now.plan != seen.plan:
        yield Line("session", "plan", now.plan, "blue")
    for activity in session["history"]:
        if activity["id"] not in seen.activities:
            yield activity_line(activity)
    for url in now.links:
        if url not in seen.links:
            yield Line("session", "link", url, "blue")


def _text_of(content: Mapping[str, Any]) -> str:
    if "action" not in content:
        return str(content.get("body") or "")
    first = f"{content['action']}  {content.get('parameter') or ''}"
    result = str(content.get("result") or "").strip().splitlines()
    more = (
        [f"… {len(result) - _LONGEST_RESULT} more lines"] if len(result) > _LONGEST_RESULT else []
    )
    rows = (_cut(row.rstrip()) for row in [*result[:_LONGEST_RESULT], *more])
    return "\n".join([_cut(first), *(f"  {row}" for row in rows)])


def _cut(row: str) -> str:
    return row if len(row) <= _LONGEST_ROW else row[: _LONGEST_ROW - 1] + "…"
