"""`python3 -m dev.cluster up | down | status`."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import build, choice, kind, local, paths
from dev.cluster.choice import Choice, Provider
from dev.cluster.commands import run, say
from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> int:
    """Do what the command line asks for; an error is one message and status 1."""
    parser = argparse.ArgumentParser(prog="python3 -m dev.cluster", description=__doc__)
    parser.add_argument("what", choices=["up", "down", "status"])
    what = parser.parse_args().what
    try:
        with _alone():
            return {"up": _up, "down": _down, "status": _status}[what]()
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
    except PermissionError as error:
        print(
            f"error: {error.filename} may not be written; run this as the user whose it is.",
            file=sys.stderr,
        )
    return 1


def _up() -> int:
    began = time.monotonic()
    chosen = _choose()
    _record(chosen)  # first, so that `down` knows what an interrupted start has begun
    match chosen.kind:
        case Provider.LOCAL:
            local.up()
        case Provider.KIND:
            kind.up()
        case Provider.GIVEN:
            _use(chosen)
    _record(chosen)  # and again, because a start clears what an earlier cluster left
    _link_programs()
    say(f"The cluster is up ({time.monotonic() - began:.1f} s). To use it:")
    say(f'export KUBECONFIG={paths.KUBECONFIG} PATH={paths.PROGRAMS}:"$PATH"')
    return 0


def _down() -> int:
    chosen = _recorded()
    match None if chosen is None else chosen.kind:
        case Provider.KIND:
            kind.down()
            say("The cluster is gone.")
        case Provider.GIVEN:
            say("Your own cluster stays as it is; only what points to it here is removed.")
        case Provider.LOCAL | None:
            local.down()
            say("The cluster is gone.")
    shutil.rmtree(paths.STATE, ignore_errors=True)
    return 0


def _status() -> int:
    chosen = _recorded()
    if chosen is None:
        say("No cluster is up; `python3 -m dev.cluster up` starts one.")
        return 1
    say(f"The cluster is of the kind {chosen.kind.value!r}.")
    if chosen.kind is Provider.LOCAL:
        return 0 if local.is_up() else 1
    say(run([paths.PROGRAMS / "kubectl", "--kubeconfig", paths.KUBECONFIG, "get", "nodes"]))
    return 0


def _choose() -> Choice:
    named = bool(os.environ.get("DEPUTY_CLUSTER"))
    chosen = choice.choose(os.environ, docker_answers=not named and kind.docker_answers())
    recorded = _recorded()
    if recorded is not None and recorded != chosen:
        raise CommandError(
            f"A cluster of the kind {recorded.kind.value!r} is up already and "
            f"{chosen.kind.value!r} is asked for now; run `python3 -m dev.cluster down` first."
        )
    return chosen


def _record(chosen: Choice) -> None:
    paths.STATE.mkdir(exist_ok=True)
    paths.CHOSEN.write_text(choice.to_json(chosen))


def _recorded() -> Choice | None:
    return choice.from_json(paths.CHOSEN.read_text()) if paths.CHOSEN.exists() else None


def _use(chosen: Choice) -> None:
    """Use somebody else's cluster: only a link to its kubeconfig is made."""
    build.ensure([build.KUBERNETES, build.HELM])
    kubectl = build.program(build.KUBERNETES, "kubectl")
    run([kubectl, "--kubeconfig", str(chosen.kubeconfig), "get", "--raw", "/readyz"])
    _link(paths.KUBECONFIG, Path(str(chosen.kubeconfig)))


def _link_programs() -> None:
    paths.PROGRAMS.mkdir(exist_ok=True)
    for tool, name in ((build.KUBERNETES, "kubectl"), (build.HELM, "helm")):
        _link(paths.PROGRAMS / name, build.program(tool, name))


def _link(link: Path, target: Path) -> None:
    half = link.with_name(f"{link.name}.tmp")
    half.unlink(missing_ok=True)
    half.symlink_to(target)
    half.replace(link)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other start or stop is under way on this machine."""
    folder = Path("/run") if os.geteuid() == 0 else Path(tempfile.gettempdir())
    with (folder / f"deputy-cluster-{os.geteuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
