"""Where things lie in a workspace's containers."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Places:
    """The folders that the pod's volumes are mounted at."""

    root: Path = Path("/workspace")
    link: Path = Path("/link")
    outbox: Path = Path("/outbox")
    token_file: Path = Path("/var/run/deputy/token")

    @property
    def repository(self) -> Path:
        """Where the agent works."""
        return self.root / "repo"


def places_in(environment: Mapping[str, str] = os.environ) -> Places:
    """Return the places that the environment names; a pod's own are the default."""
    usual = Places()
    return Places(
        root=Path(environment.get("DEPUTY_ROOT", str(usual.root))),
        link=Path(environment.get("DEPUTY_LINK", str(usual.link))),
        outbox=Path(environment.get("DEPUTY_OUTBOX", str(usual.outbox))),
        token_file=Path(environment.get("DEPUTY_TOKEN_FILE", str(usual.token_file))),
    )
