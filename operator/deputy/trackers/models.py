"""Who and what there is in a tracker: the one model of each, whichever way it reached us.

An event tells less of an issue or a team than a question to the tracker does; what it did not tell
has the default.
"""

import dataclasses
import datetime as dt


@dataclasses.dataclass(frozen=True, slots=True)
class Organization:
    """A workspace of the tracker; `url_key` is its name in addresses."""

    id: str
    name: str
    url_key: str


@dataclasses.dataclass(frozen=True, slots=True)
class Viewer:
    """Who we are in the tracker."""

    id: str
    name: str
    organization: Organization


@dataclasses.dataclass(frozen=True, slots=True)
class Person:
    """Somebody who did something; never an application."""

    id: str
    name: str = ""
    email: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class WorkflowState:
    """A state of a team's workflow; `type` is one of the tracker's few, `name` is the team's."""

    id: str
    name: str
    type: str
    position: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Team:
    """A team, by all the names that a Blueprint may use for it.

    `states` are in the workflow's order, and empty where the team came with an event.
    """

    id: str
    key: str
    name: str
    states: tuple[WorkflowState, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class TeamDirectory:
    """Our organisation and its teams, as the tracker showed them at one moment."""

    organization: Organization
    teams: tuple[Team, ...]
    _by_name: dict[str, Team] = dataclasses.field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Index the teams: every Blueprint is compared with every other."""
        by_name: dict[str, Team] = {}
        for field in ("id", "key", "name"):
            for team in self.teams:
                by_name.setdefault(str(getattr(team, field)).casefold(), team)
        object.__setattr__(self, "_by_name", by_name)

    def team(self, name_or_key_or_id: str) -> Team | None:
        """Return the team that is meant: an id goes before a key, a key before a name."""
        return self._by_name.get(name_or_key_or_id.casefold())


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """A session in which we are, or were, the agent."""

    id: str
    is_open: bool
    """Whether it waits for another word of ours, or of a person's."""
    is_begun: bool
    """Whether we have ever said anything in it."""
    created: dt.datetime
    updated: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Issue:
    """An issue. `identifier` changes when it moves to another team, `id` never does.

    An event carries the fields up to `description`; the others have to be asked for.
    `priority` is 0 for none, else 1 (urgent) to 4 (low).
    """

    id: str
    identifier: str
    title: str
    url: str
    team: Team
    description: str = ""
    priority: int = 0
    state: WorkflowState | None = None
    labels: tuple[str, ...] = ()
