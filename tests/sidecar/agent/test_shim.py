"""The shim in real shells, as process 1 of a PID namespace."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deputy_sidecar.agent.link import make_fifos
from tests.sidecar.pod import SHELLS

SHIM = Path(__file__).resolve().parents[3] / "sidecar/deputy_sidecar/agent/shim.sh"
DEADLINE = 15.0


class Container:
    """The agent's container, and the sidecar's ends of its FIFOs."""

    def __init__(self, folder: Path, *shell: str) -> None:
        if os.geteuid() != 0:
            pytest.fail("the shim needs a PID namespace of its own; run this test as root")
        self.link = folder
        self._shell = shell
        make_fifos(folder)
        names = ("ctl", "sig", "in", "out", "events")
        self._ends = {name: os.open(folder / name, os.O_RDWR | os.O_NONBLOCK) for name in names}
        self._read = {"out": b"", "events": b""}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *command: str) -> "Container":
        with (self.link / "log").open("wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
                 *self._shell, str(SHIM), *command],
                env={**os.environ, "DEPUTY_LINK": str(self.link)},
                stdout=log, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        return self

    def write(self, fifo: str, text: str) -> None:
        os.write(self._ends[fifo], text.encode())

    def until(self, fifo: str, text: str) -> str:
        """Return what was read of a FIFO once it has `text` in it."""
        deadline = time.monotonic() + DEADLINE
        while text.encode() not in self._read[fifo]:
            try:
                self._read[fifo] += os.read(self._ends[fifo], 65536)
            except BlockingIOError:
                assert time.monotonic() < deadline, self._read
                time.sleep(0.005)
        return self._read[fifo].decode()

    def happened(self, last: str) -> list[str]:
        return self.until("events", f"{last}\n").splitlines()

    def ended(self) -> int:
        assert self.process is not None
        return self.process.wait(DEADLINE)

    def terminate(self) -> None:
        assert self.process is not None
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        os.kill(int(path.read_text().split()[0]), signal.SIGTERM)

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        for end in self._ends.values():
            os.close(end)


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def container(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Container]:
    container = Container(tmp_path, *request.param)
    yield container
    container.close()


def test_lines_reach_the_agent_once_and_in_order(container: Container) -> None:
    container.start("cat")
    container.write("ctl", "RUN 1 stdin\n")
    container.until("events", "started 1 cat\n")

    for line in ("1 1 3 one", "1 1 3 one", "1 2 9 cut", "", "1 2 7 \\n $x *", "1 1 3 one", "1 3 0"):
        container.write("in", f"{line}\n")

    assert container.happened("exited 1 0") == [
        "ready", "started 1 cat", "fed 1", "fed 2", "fed 3", "exited 1 0",
    ]  # fmt: skip
    assert container.until("out", "*") == "one\n\\n $x *\n"


@pytest.mark.parametrize(
    "line",
    ["2 1 3 two", "x", "1", "1 x 3 abc", "1 1 x abc", "1 1 2 abc", "1 1 -3 abc", "$(id) 1 3 abc"],
)
def test_a_line_that_is_not_for_this_run_or_not_whole_is_passed_over(
    line: str, container: Container
) -> None:
    container.start("cat")
    container.write("ctl", "RUN 1 stdin\n")
    container.until("events", "started 1 cat\n")

    container.write("in", f"{line}\n1 1 4 good\n1 2 0\n")

    container.until("events", "exited 1 0\n")
    assert container.until("out", "good") == "good\n"


def test_an_order_that_comes_twice_is_carried_out_once(container: Container) -> None:
    container.start("sh", "-c", "echo ran")
    container.write("ctl", "RUN 1 null\nRUN 1 null\nnonsense\nRUN x null\nRUN 2 null\nRUN 1 null\n")

    assert container.happened("exited 2 0") == [
        "ready", "started 1 sh", "exited 1 0", "started 2 sh", "exited 2 0",
    ]  # fmt: skip
    assert container.until("out", "ran\nran\n") == "ran\nran\n"


def test_a_sidecar_that_goes_is_neither_an_end_of_file_nor_a_broken_pipe(
    container: Container,
) -> None:
    container.start("cat")
    container.write("ctl", "RUN 1 stdin\n")
    container.until("events", "started 1 cat\n")
    container.write("in", "1 1 6 before\n")
    container.until("out", "before\n")

    for name, end in container._ends.items():
        os.close(end)
        container._ends[name] = os.open(container.link / name, os.O_RDWR | os.O_NONBLOCK)
    container.write("in", "1 2 5 after\n1 3 0\n")

    container.until("events", "exited 1 0\n")
    assert container.until("out", "after") == "before\nafter\n"


@pytest.mark.parametrize(
    ("command", "code"),
    [(["true"], 0), (["sh", "-c", "exit 7"], 7), (["no-such-program"], 127), (["/"], 126),
     (["sh", "-c", "kill -9 $$"], 137)],
    ids=["success", "failure", "not found", "not executable", "killed"],
)  # fmt: skip
def test_the_exit_status_is_told_and_kept(
    command: list[str], code: int, container: Container
) -> None:
    container.start(*command)
    container.write("ctl", "RUN 1 null\n")

    assert container.happened(f"exited 1 {code}")[-1] == f"exited 1 {code}"
    assert (container.link / "exit.1").read_text() == f"{code}\n"
    assert container.process is not None
    assert container.process.poll() is None


def test_what_the_agent_says_on_stderr_is_in_the_containers_log_once(
    container: Container,
) -> None:
    container.start("sh", "-c", r"echo ran >&2; printf '  \\a cut line' >&2")
    container.write("ctl", "RUN 1 null\n")
    container.until("events", "exited 1 0\n")
    container.write("ctl", "RUN 2 null\n")
    container.until("events", "exited 2 0\n")
    container.write("ctl", "EXIT 0\n")

    assert container.ended() == 0
    assert (container.link / "log").read_text() == "ran\n  \\a cut line\n" * 2


def test_exit_ends_the_container(container: Container) -> None:
    container.start("true")

    container.write("ctl", "EXIT 3\n")

    assert container.ended() == 3


def test_a_signal_reaches_every_process_but_the_shim(container: Container) -> None:
    script = "trap 'echo asked; exit 5' TERM; (sleep 1000) & echo up; while :; do sleep 0.05; done"
    container.start("sh", "-c", script)
    container.write("ctl", "RUN 1 null\n")
    container.until("out", "up\n")

    container.write("sig", "TERM\n")

    container.until("out", "asked\n")
    container.until("events", "exited 1 5\n")


def test_a_kill_leaves_nothing_but_the_shim(container: Container) -> None:
    script = "trap '' TERM INT; setsid sh -c 'trap \"\" TERM; echo up; sleep 1000' & sleep 1000"
    container.start("sh", "-c", script)
    container.write("ctl", "RUN 1 null\n")
    container.until("out", "up\n")

    container.write("sig", "HUP\nTERM\nKILL\n")
    container.until("events", "exited 1 137\n")

    container.write("ctl", "RUN 2 null\n")
    container.until("events", "started 2 sh\n")


def test_the_end_of_the_pod_is_announced_and_waits_for_the_agent(container: Container) -> None:
    script = "trap 'echo tidy; exit 4' TERM; echo up; while :; do sleep 0.05; done"
    container.start("sh", "-c", script)
    container.write("ctl", "RUN 1 null\n")
    container.until("out", "up\n")

    container.terminate()

    assert container.ended() == 4
    assert "terminating" in container.happened("exited 1 4")
    assert (container.link / "terminating").exists()


def test_an_idle_shim_ends_at_once(container: Container) -> None:
    container.start("true")
    container.until("events", "ready\n")

    container.terminate()

    assert container.ended() == 143


def test_a_long_line_arrives_whole(container: Container) -> None:
    container.start("wc", "-c")
    container.write("ctl", "RUN 1 stdin\n")
    container.until("events", "started 1 wc\n")

    text = "x" * 200_000
    left = f"1 1 {len(text)} {text}\n1 2 0\n".encode()
    deadline = time.monotonic() + DEADLINE
    while left:
        try:
            left = left[os.write(container._ends["in"], left) :]
        except BlockingIOError:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    container.until("events", "exited 1 0\n")
    assert container.until("out", "\n").strip() == "200001"


def test_outside_of_a_namespace_of_its_own_it_signals_the_agent_alone(tmp_path: Path) -> None:
    container = Container(tmp_path)
    bystander = subprocess.Popen(["sleep", "1000"])
    container.process = subprocess.Popen(
        ["sh", str(SHIM), "sleep", "1000"],
        env={**os.environ, "DEPUTY_LINK": str(tmp_path)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    container.write("ctl", "RUN 1 null\n")
    container.until("events", "started 1 sleep\n")

    container.write("sig", "TERM\n")
    container.until("events", "exited 1 143\n")
    container.write("ctl", "EXIT 0\n")

    assert container.ended() == 0
    assert bystander.poll() is None
    os.killpg(container.process.pid, signal.SIGKILL)
    bystander.kill()
    bystander.wait()
    container.close()


def test_what_the_agent_makes_is_open_to_the_group(container: Container) -> None:
    container.start("sh", "-c", f"umask; : >{container.link}/made")
    container.write("ctl", "RUN 1 null\n")

    container.until("events", "exited 1 0\n")

    assert (container.link / "made").stat().st_mode & 0o777 == 0o664
