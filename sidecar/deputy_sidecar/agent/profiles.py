"""What is special about an agent, as data."""

import dataclasses
import re


@dataclasses.dataclass(frozen=True, slots=True)
class Profile:
    """How one kind of agent differs from the protocol's common ground."""

    name: str
    unattended_mode: str = ""
    """Session mode in which the agent asks for no permissions; set where the agent offers it."""
    allows_tools: bool = False
    """Whether a request for permission is granted without a person: the workspace is the fence."""
    ignored_text: re.Pattern[str] | None = None
    """Chunks, without a message of their own, that are the agent's noise."""
    hidden_tools: re.Pattern[str] | None = None
    """Tools whose calls are shown in another way (plan, question) or not at all."""
    plan_tools: tuple[str, ...] = ()
    """Tools whose input is the agent's to-do list."""


_TODO = r"TodoWrite|Task(?:Create|Update|List|Get)|todowrite|todoread|update_plan"

#: For an agent that nobody knows: it is asked and told nothing that it has not offered.
DEFAULT = Profile("", hidden_tools=re.compile(rf"^(?:{_TODO})$"), plan_tools=("todowrite",))

_PROFILES = (
    Profile(
        "claude",
        unattended_mode="bypassPermissions",
        allows_tools=True,
        hidden_tools=re.compile(rf"^(?:{_TODO}|AskUserQuestion)$"),
        plan_tools=("TodoWrite",),
    ),
    Profile(
        "codex",
        unattended_mode="agent-full-access",
        allows_tools=True,
        ignored_text=re.compile(r"^Warning: "),
        hidden_tools=re.compile(rf"^(?:{_TODO})$"),
    ),
    Profile(
        "gemini",
        unattended_mode="yolo",
        allows_tools=True,
        ignored_text=re.compile(r"^\[MODE_UPDATE\]"),
        hidden_tools=re.compile(r"^(?:write_todos|Set \d+ todo\(s\))"),
    ),
    Profile(
        "opencode",
        allows_tools=True,
        hidden_tools=re.compile(rf"^(?:{_TODO})$"),
        plan_tools=("todowrite",),
    ),
)


def profile_named(name: str) -> Profile:
    """Return the profile called `name`, which may also be an agent's own, longer name."""
    word = name.lower()
    return next((profile for profile in _PROFILES if profile.name in word), DEFAULT)
