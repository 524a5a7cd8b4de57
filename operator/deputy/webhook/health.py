"""Whether the webhook process works, and what is missing where it does not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from deputy.kube.reflector import SILENT_AFTER
from deputy.trackers.linear.errors import CredentialsMissing


class Followed(Protocol):
    """A copy that follows the API server."""

    @property
    def synced(self) -> bool:
        """Whether it was read once."""

    def age(self) -> float:
        """Return the seconds since the API server was last heard."""


@dataclass(slots=True)
class Health:
    """Gathers what the probes ask; each answer is empty where all is well."""

    followed: Followed
    check_credentials: Callable[[], None]
    ending: bool = False
    """Whether the process was asked to end; then nobody should send to it any more."""

    def why_not_ready(self) -> str:
        """Return why no deliveries should be sent here."""
        if self.ending:
            return "shutting down"
        if not self.followed.synced:
            return "the Blueprints have not been read from the API server yet"
        try:
            self.check_credentials()
        except CredentialsMissing as error:
            return str(error)
        return ""

    def why_sick(self) -> str:
        """Return why only a restart helps."""
        silent = self.followed.age()
        if self.followed.synced and silent > SILENT_AFTER:
            return f"the API server has been silent for {silent:.0f} seconds"
        return ""
