"""What is read from a tracker when an event does not say enough."""

import dataclasses

from deputy.trackers.events import TeamRef


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """A state of a team's workflow; `type` is one of the tracker's few, `name` is the team's."""

    id: str
    name: str
    type: str
    position: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class IssueFacts:
    """An issue as it is now; `priority` is 0 for none, else 1 (urgent) to 4 (low)."""

    id: str
    identifier: str
    title: str
    url: str
    branch_name: str
    priority: int
    state: State
    labels: tuple[str, ...]
    delegate_id: str | None
    team: TeamRef
    is_gone: bool
    """Archived or in the bin."""


@dataclasses.dataclass(frozen=True, slots=True)
class TeamFacts:
    """A team and its workflow, in the workflow's order."""

    id: str
    key: str
    name: str
    states: tuple[State, ...]

    def state(self, name_or_id: str) -> State | None:
        """Return the state with that id or name; case does not matter in a name."""
        wanted = name_or_id.casefold()
        for state in self.states:
            if name_or_id == state.id or wanted == state.name.casefold():
                return state
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class OrganizationFacts:
    """A workspace of the tracker; `url_key` is its name in addresses."""

    id: str
    name: str
    url_key: str


@dataclasses.dataclass(frozen=True, slots=True)
class Viewer:
    """Who we are in the tracker."""

    id: str
    name: str
    organization: OrganizationFacts
