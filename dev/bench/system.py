"""What is known of the machine and the cluster, without which no figure means anything."""

import datetime as dt
import os
import platform
from pathlib import Path

from dev.cluster import paths
from dev.cluster.commands import run
from dev.cluster.errors import CommandError
from dev.demo.fixtures import Tools


def system_info(tools: Tools) -> dict[str, str]:
    """Return where and when this is measured, and of what."""
    (node, *others) = tools.get("nodes")["items"]
    info = node["status"]["nodeInfo"]
    return {
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "cores": f"{os.cpu_count()} ({_cpu()})",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB",
        "kernel": platform.release(),
        "Kubernetes": f"{info['kubeletVersion']}, {1 + len(others)} node, "
        f"{info['containerRuntimeVersion']}",
        "Python of the bench": platform.python_version(),
        "load before": "{:.2f} {:.2f} {:.2f}".format(*os.getloadavg()),
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _commit() -> str:
    git = ("git", "-C", paths.PROJECT)
    try:
        commit = run([*git, "rev-parse", "--short", "HEAD"]).strip()
        changed = run([*git, "status", "--porcelain", "--untracked-files=no"]).strip()
    except CommandError:
        return "unknown"
    return f"{commit} with changes" if changed else commit
