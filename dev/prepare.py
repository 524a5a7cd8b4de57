"""`python3 -m dev.prepare [image …]`: have a cluster, with images loaded into it.

The images are built while the cluster starts: one waits for the network, the other for the
processor, and both for programs that are slow to answer.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from dev.cluster import paths
from dev.cluster.commands import PROGRESS_SECONDS, say, step

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

_PYTHON = (sys.executable, "-m")
#: How much of what a failed build said is shown.
_LAST_LINES = 15


def main() -> int:
    """Do it; return the status of whatever failed first."""
    names = sys.argv[1:]
    log = paths.cache() / "images.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    say(f"==> Build the images meanwhile (what that says is in {log})")
    with log.open("w") as output:
        images = subprocess.Popen(
            [*_PYTHON, "dev.images", "build", *names], stdout=output, stderr=subprocess.STDOUT
        )
    cluster = subprocess.Popen([*_PYTHON, "dev.cluster", "up"])
    _pass_signals_on(images, cluster)
    if status := cluster.wait():
        images.terminate()
        images.wait()
        return status
    if status := _wait_for(images, log):
        print("".join(_lines(log)[-_LAST_LINES:]), file=sys.stderr, end="")
        return status
    load = subprocess.Popen([*_PYTHON, "dev.images", "load", *names])
    _pass_signals_on(load)
    return load.wait()


def _pass_signals_on(*children: subprocess.Popen[bytes]) -> None:
    """Let the children clean up before we end: they have got a Ctrl-C as well, and end by it."""

    def terminate(number: int, frame: FrameType | None) -> None:
        del number, frame
        for child in children:
            child.terminate()

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, terminate)


def _wait_for(images: subprocess.Popen[bytes], log: Path) -> int:
    if (status := images.poll()) is not None:
        return status
    with step("Wait for the images"):
        began = time.monotonic()
        while True:
            try:
                return images.wait(timeout=PROGRESS_SECONDS)
            except subprocess.TimeoutExpired:
                say(f"    {time.monotonic() - began:4.0f} s  {_progress(_lines(log))[:100]}")


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines(keepends=True)


def _progress(lines: list[str]) -> str:
    """Return which image is built, and how far that is."""
    begun = next((line for line in reversed(lines) if line.startswith("==> ")), "")
    newest = lines[-1] if lines else ""
    parts = [begun.removeprefix("==> "), "" if newest is begun else newest]
    return ": ".join(part.strip() for part in parts if part)


if __name__ == "__main__":
    sys.exit(main())
