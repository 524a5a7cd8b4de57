"""`python3 -m dev.cluster check | up | down | status`."""

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

from dev.cluster import choice, kind, kubectl, local, paths, preflight, programs, remains
from dev.cluster.choice import Choice, Provider
from dev.cluster.commands import say, stop_on_signals
from dev.cluster.docker import docker
from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> int:
    """Do what the command line asks for; an error is one message and status 1."""
    parser = argparse.ArgumentParser(prog="python3 -m dev.cluster", description=__doc__)
    parser.add_argument("what", choices=["check", "up", "down", "status"])
    what = parser.parse_args().what
    stop_on_signals()
    try:
        with _alone():
            return {"check": _check, "up": _up, "down": _down, "status": _status}[what]()
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
    except PermissionError as error:
        print(
            f"error: {error.filename} may not be written; run this as the user whose it is.",
            file=sys.stderr,
        )
    except KeyboardInterrupt:
        print("interrupted; the next start begins with what is finished", file=sys.stderr)
        return 130
    return 1


def _check() -> int:
    return preflight.main()


def _up() -> int:
    began = time.monotonic()
    chosen = preflight.check(choice.recorded())
    trusted = _remove_unfinished(chosen)
    choice.record(chosen)  # first, so that `down` knows what an interrupted start has begun
    paths.CLUSTER_ID.unlink(missing_ok=True)
    match chosen.provider:
        case Provider.LOCAL:
            local.up()
        case Provider.KIND:
            programs.ensure([programs.KUBECTL, programs.HELM, programs.KIND])
            kind.up(trusted=trusted)
        case Provider.GIVEN:
            _use(chosen)
    choice.record(chosen)  # and again, because a start clears what an earlier cluster left
    paths.CLUSTER_ID.write_text(kubectl.cluster_id())
    say(f"The cluster is up ({time.monotonic() - began:.1f} s). To use it:")
    say(kubectl.to_use_it())
    return 0


def _down() -> int:
    chosen = choice.recorded()
    match None if chosen is None else chosen.provider:
        case Provider.KIND if not docker().answers:
            raise CommandError(
                f"The cluster is in Docker, which does not answer ({docker().message}); start "
                f"Docker and run this again, or forget the cluster: `rm -r {paths.STATE}`."
            )
        case Provider.KIND:
            kind.down()
            say("The cluster is gone.")
        case Provider.GIVEN:
            say("Your own cluster stays as it is; only what points to it here is removed.")
        case None if os.geteuid() != 0:
            say("There is no cluster.")
        case Provider.LOCAL | None:
            local.down()
            say("The cluster is gone.")
    shutil.rmtree(paths.STATE, ignore_errors=True)
    for line in remains.lines():
        say(line)
    return 0


def _status() -> int:
    chosen = choice.recorded()
    if chosen is None:
        say("No cluster is up; `python3 -m dev.cluster up` starts one.")
        return 1
    say(f"The cluster is of the kind {chosen.provider.value!r}.")
    if chosen.provider is Provider.LOCAL:
        return 0 if local.is_up() else 1
    say(kubectl.kubectl("get", "nodes"))
    return 0


def _remove_unfinished(chosen: Choice) -> bool:
    """Make way for the chosen cluster; tell whether it is there, from a start that finished."""
    recorded = choice.recorded()
    finished = paths.CLUSTER_ID.exists()
    if recorded is None or recorded == chosen:
        return finished
    if finished:
        raise CommandError(
            f"A cluster of the kind {recorded.provider.value!r} is up already and "
            f"{chosen.provider.value!r} is asked for now; run `python3 -m dev.cluster down` first."
        )
    say(f"    an unfinished cluster of the kind {recorded.provider.value!r} makes way")
    _down()
    return False


def _use(chosen: Choice) -> None:
    """Use somebody else's cluster: only a link to its kubeconfig is made."""
    programs.ensure([programs.KUBECTL, programs.HELM])
    programs.link(paths.KUBECONFIG, Path(str(chosen.kubeconfig)))
    kubectl.kubectl("get", "--raw", "/readyz")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other start or stop of this checkout's cluster is under way."""
    name = f"deputy-{kind.NAME}-{os.geteuid()}.lock"
    with (Path(tempfile.gettempdir()) / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
