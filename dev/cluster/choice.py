"""Which cluster to use, and which one is recorded as used."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import paths
from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Provider(Enum):
    """What gives the cluster, in the order of choice."""

    GIVEN = "given"
    KIND = "kind"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Choice:
    """What gives the cluster and, where it is somebody else's, its kubeconfig."""

    provider: Provider
    kubeconfig: Path | None = None


def choose(environment: Mapping[str, str], *, docker_answers: bool) -> Choice:
    """Choose the cluster.

    The ambient KUBECONFIG is never looked at: it may be production, and a demo or a test must
    not land there. Only DEPUTY_CLUSTER, which nobody sets by accident, names a cluster.

    Raises:
        CommandError: DEPUTY_CLUSTER names a file that does not exist.
    """
    named = environment.get("DEPUTY_CLUSTER", "")
    if not named:
        return Choice(Provider.KIND if docker_answers else Provider.LOCAL)
    kubeconfig = Path(named).expanduser().absolute()
    if not kubeconfig.is_file():
        raise CommandError(
            f"DEPUTY_CLUSTER names {kubeconfig}, which is not a file; "
            "name a kubeconfig, or unset it to have a cluster made here."
        )
    return Choice(Provider.GIVEN, kubeconfig)


def to_json(choice: Choice) -> str:
    """Write a choice down."""
    return json.dumps(
        {
            "kind": choice.provider.value,
            "kubeconfig": None if choice.kubeconfig is None else str(choice.kubeconfig),
        }
    )


def from_json(text: str) -> Choice | None:
    """Read a choice back; None where the text is none, as after a crash while writing."""
    try:
        read = json.loads(text)
        named = read["kubeconfig"]
        return Choice(Provider(read["kind"]), None if named is None else Path(named))
    except (ValueError, KeyError, TypeError):
        return None


def record(choice: Choice) -> None:
    """Write down which cluster this checkout has."""
    paths.STATE.mkdir(exist_ok=True)
    paths.CHOSEN.write_text(to_json(choice))


def recorded() -> Choice | None:
    """Return which cluster this checkout has; None where it has none."""
    return from_json(paths.CHOSEN.read_text()) if paths.CHOSEN.exists() else None
