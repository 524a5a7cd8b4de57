from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from deputy_simulator.linear.cli import run

ROOT = pathlib.Path(__file__).parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_simulator_serves_as_a_process_and_ends_when_told(tmp_path: pathlib.Path) -> None:
    port = free_port()
    secret = tmp_path / "secret"
    secret.write_text("s3cret\nold\n")
    code = "import sys; from deputy_simulator.linear.cli import run; sys.exit(run(sys.argv[1:]))"
    flags = ["--host", "127.0.0.1", "--port", str(port), "--webhook-secret-file", str(secret)]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "simulator"),
        "SIMULATOR_WEBHOOK_URL": "http://127.0.0.1:1/",
    }

    with subprocess.Popen([sys.executable, "-c", code, *flags], env=environment) as process:
        body = answer(f"http://127.0.0.1:{port}/control/webhook")
        process.send_signal(signal.SIGTERM)
        status = process.wait(10)

    assert b'"url": "http://127.0.0.1:1/"' in body
    assert b"s3cret" not in body
    assert status == 0


def answer(url: str) -> bytes:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as told:  # noqa: S310
            return bytes(told.read())
    pytest.fail(f"{url} does not answer")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--seed", "/nowhere.json"], "No such file or directory: '/nowhere.json'"),
        (["--retry-delays", "soon"], "could not convert string to float: 'soon'"),
    ],
)
def test_a_wrong_flag_is_refused_with_a_sentence(
    flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run(flags)

    assert status == 2
    assert message in capsys.readouterr().err
