"""The one-node cluster of real Kubernetes programs, without Docker and without a registry."""

from __future__ import annotations

import base64
import contextlib
import fcntl
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import (
    binaries,
    build,
    certificates,
    cleanup,
    components,
    configuration,
    network,
    node,
    packages,
    paths,
    processes,
    programs,
    requirements,
    slot,
)
from dev.cluster.certificates import ADMIN, AUTHORITY
from dev.cluster.commands import say, step
from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dev.cluster.processes import Daemon

CLIENTS = (programs.LOCAL_KUBECTL, programs.HELM)
_LOCK = Path("/run/deputy-cluster-0.lock")
RECORDS = paths.RUNTIME / "processes"
LOGS = paths.STATE / "logs"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other start or stop of a local cluster is under way on this machine."""
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def up() -> None:
    """Bring the cluster up; what runs as wanted is left alone, so a second time is quick.

    Raises:
        CommandError: something that it needs is missing.
    """
    if reasons := requirements.problems():
        raise CommandError("; ".join(reasons))
    packages.ensure(packages.FOR_CLUSTER)
    binaries.ensure(build.LOCAL_CLUSTER)
    programs.ensure(CLIENTS)
    with _alone():
        _up()


def _up() -> None:
    _remove_stale()
    programs.ensure(CLIENTS)  # the links are gone with what an earlier cluster left
    _make_network()
    texts = _configure()
    _start(components.base_programs(texts))
    with step("Wait until the API server is ready"):
        _wait(node.containerd_is_ready, "containerd")
        _wait(node.api_is_ready, "kube-apiserver")
    _start(components.dependent_programs(texts))
    with step("Wait until the node is ready"):
        _finish()


def down() -> None:
    """End the cluster and remove all that it put on the machine but the cache.

    Another checkout's is left alone: our slot is never one that belongs to somebody else.
    """
    if paths.SLOT is None or not Path("/run").is_dir():
        return  # there is none, or this is no Linux
    with _alone():
        _down()


def _down() -> None:
    records = processes.read(RECORDS)
    # These go before the pods, or they would start them again.
    makers = [records[name] for name in ("kubelet", "kube-controller-manager") if name in records]
    processes.end(makers, records=RECORDS)
    processes.kill(cleanup.pod_processes())
    processes.end(list(records.values()), records=RECORDS)
    processes.kill(cleanup.strays(cleanup.PROGRAMS))
    cleanup.restore_tunables()
    cleanup.unmount()
    network.down()
    cleanup.remove_cgroups()
    cleanup.remove_folders()


def is_up() -> bool:
    """Print what runs; tell whether all of it does and the node is ready."""
    records = processes.read(RECORDS).values()
    total = 0.0
    for record in records:
        alive = processes.is_alive(record)
        held = processes.resident_bytes(record.pid) / 2**20 if alive else 0.0
        total += held
        say(f"{record.name:24} pid {record.pid:<8} {f'{held:5.0f} MiB' if alive else ' gone'}")
    say(f"{'in all':24} {'':12} {total:5.0f} MiB")
    alive = bool(records) and all(map(processes.is_alive, records))
    return alive and network.is_up() and node.node_is_ready()


def _remove_stale() -> None:
    """Remove what an earlier cluster left, unless it is this one and it lives."""
    if paths.SLOT is None:
        raise CommandError(
            f"{len(slot.NUMBERS)} checkouts have a cluster on this machine, and there is room for "
            "no more; run `python3 -m dev.cluster down` in one of "
            f"{', '.join(str(owner.parent) for owner in slot.owners().values() if owner)}."
        )
    if slot.choose(slot.owners(), paths.STATE) != paths.SLOT:
        raise CommandError("Another checkout has just taken this slot; run this again.")
    lives = any(map(processes.is_alive, processes.read(RECORDS).values()))
    if lives and _is_ours() and components.CERTIFICATES.exists():
        return
    if network.HANDLE.exists() or paths.RUNTIME.exists() or components.SETTINGS.exists():
        with step("Remove what an earlier cluster left"):
            _down()


def _is_ours() -> bool:
    return paths.OWNER.exists() and paths.OWNER.read_text() == str(paths.STATE)


def _make_network() -> None:
    if network.is_up():
        return
    with step("Make the network namespace"):
        # Whatever still runs is in a namespace that is not the one to come.
        processes.end(list(processes.read(RECORDS).values()), records=RECORDS)
        network.up()


def _configure() -> dict[Path, str]:
    """Make all that the programs read, and give the texts of their configuration files."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    paths.STATE.mkdir(exist_ok=True)
    paths.OWNER.write_text(str(paths.STATE))
    cleanup.save_tunables()
    cleanup.make_cgroups()
    certificates.ensure(components.CERTIFICATES)
    files = components.files()
    for path, text in {**files, paths.KUBECONFIG: _admin_kubeconfig()}.items():
        _write(path, text)
    return files


def _admin_kubeconfig() -> str:
    parts = {"authority": AUTHORITY, "certificate": f"{ADMIN.file}.crt", "key": f"{ADMIN.file}.key"}
    contents = {part: (components.CERTIFICATES / name).read_bytes() for part, name in parts.items()}
    encoded = {part: base64.b64encode(content).decode() for part, content in contents.items()}
    return configuration.kubeconfig(ADMIN, encoded)


def _write(path: Path, text: str) -> None:
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.tmp")
    half.touch(mode=0o600)
    half.write_text(text)
    half.rename(path)


def _start(daemons: Iterable[Daemon]) -> None:
    """Start those of the programs that do not run, or not as they are wanted now."""
    records = processes.read(RECORDS)
    outdated = [each for each in daemons if not processes.is_current(records.get(each.name), each)]
    if not outdated:
        return
    with step(f"Start {', '.join(program.name for program in outdated)}"):
        stale = [records[program.name] for program in outdated if program.name in records]
        processes.end(stale, records=RECORDS)
        # A start that was interrupted may not have recorded the last program that it started.
        processes.kill(cleanup.strays({program.name for program in outdated}))
        for program in outdated:
            processes.start(program, records=RECORDS, logs=LOGS)


def _finish() -> None:
    """Put into the cluster what it lacks, and wait until it is ready.

    All of it is checked every time: the start before may have been interrupted anywhere.
    """
    if not node.has_pause():
        node.import_pause()
    node.apply_permissions()
    _wait(node.dns_is_ready, "coredns")
    _wait(node.node_is_ready, "kubelet")


def _wait(condition: Callable[[], bool], name: str) -> None:
    """Wait until a program does its work, but not after it has ended.

    Raises:
        CommandError: it ended, or two minutes were not enough.
    """
    record = processes.read(RECORDS)[name]
    processes.wait_until(lambda: condition() or not processes.is_alive(record), 120)
    if condition():
        return
    state = "is not ready after two minutes" if processes.is_alive(record) else "has ended"
    log = LOGS / f"{name}.log"
    raise CommandError(
        f"{name} {state}; its log is {log} and ends:\n{_end_of(log)}\n"
        "Running this again repairs what it can; `down` and then `up` start afresh."
    )


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(f"    {line}" for line in lines[-5:])
