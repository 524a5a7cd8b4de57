"""Which of the machine's slots for a cluster this checkout has.

Several checkouts may each have a cluster on one machine: a slot has its own network namespace,
addresses, cgroup and runtime folder, all told apart by its number.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: As many as the address ranges of `network` have room for.
NUMBERS = range(8)


def runtime(number: int) -> Path:
    """Give the folder of one slot for sockets and records."""
    return Path(f"/run/deputy-cluster-{number}")


def owner_file(number: int) -> Path:
    """Give the file that says whose the slot is: the path of a checkout's state folder."""
    return runtime(number) / "owner"


def choose(owners: Mapping[int, Path | None], ours: Path) -> int | None:
    """Choose a slot: the one that is ours already, else the first that is free; None if none is.

    Args:
        owners: the state folder of each slot's owner, None where it is free.
        ours: our own state folder.
    """
    free = [number for number, owner in sorted(owners.items()) if owner is None]
    held = [number for number, owner in sorted(owners.items()) if owner == ours]
    return next(iter([*held, *free]), None)


def owners() -> dict[int, Path | None]:
    """Read whose each slot is; a checkout that was removed owns nothing any more."""
    return {number: _owner(number) for number in NUMBERS}


def _owner(number: int) -> Path | None:
    file = owner_file(number)
    try:
        owner = Path(file.read_text())
    except FileNotFoundError:
        return None
    except PermissionError:
        return file  # whoever it is, it is not us
    try:
        return owner if owner.exists() else None
    except PermissionError:
        return owner
