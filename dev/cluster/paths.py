"""Paths.

Binaries and images are in the user's cache folder, shared by every checkout. What belongs to
one cluster is in `.cluster/` of the checkout. Sockets and records of processes are under
`/run`, because socket paths are bounded to 107 characters and both should vanish at a reboot.
"""

from __future__ import annotations

import os
from pathlib import Path

from dev.cluster import slot

PROJECT = Path(__file__).resolve().parents[2]
TOOLS = Path(__file__).resolve().parent / "tools"

STATE = PROJECT / ".cluster"
KUBECONFIG = STATE / "kubeconfig"
PROGRAMS = STATE / "bin"
CHOSEN = STATE / "cluster.json"
#: Holds the id of the cluster; it is there once a start has finished.
CLUSTER_ID = STATE / "cluster-id"
#: What is loaded into the cluster, a file for each image.
LOADED = STATE / "images"

#: The number of our slot on this machine; None where all are taken.
SLOT = slot.choose(slot.owners(), STATE)
RUNTIME = slot.runtime(SLOT or 0)
OWNER = slot.owner_file(SLOT or 0)


def cache() -> Path:
    """Give the user's cache folder for Deputy, as the XDG base directory specification has it."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    # The specification: a relative path is invalid and is ignored.
    root = Path(named) if named.startswith("/") else Path.home() / ".cache"
    return root / "deputy"
