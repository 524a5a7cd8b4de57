"""The API server of the test cluster, which is ours to freeze or end where it runs here."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from dev.cluster import local, paths, processes
from dev.cluster.processes import Record

API_SERVER = "kube-apiserver"


def api_server(kubeconfig: pathlib.Path) -> Record:
    """Return the API server's process; the test fails where it is not ours to end."""
    record = processes.read(local.RECORDS).get(API_SERVER)
    ours = kubeconfig == paths.KUBECONFIG and os.geteuid() == 0
    if not ours or record is None or not processes.is_alive(record):
        pytest.fail(
            "the API server is not a process of this machine, or not ours; this test takes it "
            "away for a while: run it as root on the machine of `make cluster`",
            pytrace=False,
        )
    return record


@contextlib.contextmanager
def frozen(record: Record) -> Iterator[None]:
    """Let a process do nothing meanwhile, though its connections stay."""
    os.kill(record.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(record.pid, signal.SIGCONT)


@contextlib.contextmanager
def gone(record: Record) -> Iterator[None]:
    """Have a process of the cluster killed, and started again afterwards."""
    processes.kill([record.pid])
    try:
        yield
    finally:
        command = [sys.executable, "-m", "dev.cluster", "up"]
        subprocess.run(command, cwd=paths.PROJECT, capture_output=True, check=True)
