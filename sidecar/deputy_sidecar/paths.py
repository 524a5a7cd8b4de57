"""Where the files of a workspace's containers are."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Paths:
    """The folders that the pod's volumes are mounted at."""

    root: Path = Path("/workspace")
    link: Path = Path("/link")
    outbox: Path = Path("/outbox")
    token_file: Path = Path("/var/run/deputy/token")

    @property
    def repository(self) -> Path:
        """Where the agent works."""
        return self.root / "repo"

    @property
    def agent_output(self) -> Path:
        """What the agent wrote to its stdout."""
        return self.outbox / "frames"

    @property
    def shim_events(self) -> Path:
        """What the shim said."""
        return self.outbox / "happened"


def paths_from(environment: Mapping[str, str] = os.environ) -> Paths:
    """Return the paths that the environment names; a pod's own are the default."""
    default = Paths()
    return Paths(
        root=Path(environment.get("DEPUTY_ROOT", str(default.root))),
        link=Path(environment.get("DEPUTY_LINK", str(default.link))),
        outbox=Path(environment.get("DEPUTY_OUTBOX", str(default.outbox))),
        token_file=Path(environment.get("DEPUTY_TOKEN_FILE", str(default.token_file))),
    )
