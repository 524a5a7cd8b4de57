"""The FIFOs between the sidecar and the agent's container.

The folder is shared with the agent, which may do there what it likes: nothing in it is followed
if it is not of the kind that it should be.
"""

import asyncio
import contextlib
import os
import stat
from collections import deque
from collections.abc import Callable
from pathlib import Path

from deputy_sidecar.errors import LinkBroken

#: What `prepare` makes and the shim expects.
FIFOS = ("ctl", "sig", "in", "out", "feed", "events")

#: Process 1 of the agent's container, which has nothing of ours but this.
_SHIM = Path(__file__).parent / "shim.sh"

_MAX_STDERR = 1024 * 1024
_TAIL = 4_000


class FifoWriter:
    """Writes into a FIFO without ever blocking; what does not fit waits."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque()

    def write(self, data: bytes) -> None:
        """Write `data` after everything that was written before."""
        self._waiting.append(data)
        if len(self._waiting) == 1:
            self._flush()

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            try:
                done = os.write(self._descriptor, self._waiting[0])
            except BlockingIOError:
                loop.add_writer(self._descriptor, self._flush)
                return
            if done < len(self._waiting[0]):
                self._waiting[0] = self._waiting[0][done:]
            else:
                self._waiting.popleft()
        loop.remove_writer(self._descriptor)


class AgentLink:
    """The sidecar's end of the FIFOs that it shares with the shim."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptors = {name: _open_fifo(folder / name) for name in FIFOS if name != "feed"}
        self.out = self._descriptors["out"]
        self.events = self._descriptors["events"]
        self._control = FifoWriter(self._descriptors["ctl"])
        self._signals = FifoWriter(self._descriptors["sig"])
        self._input = FifoWriter(self._descriptors["in"])
        # The end of a line that the process before this one may have left open.
        self._input.write(b"\n")
        self._control.write(b"\n")

    def listen(self, output: Callable[[], None], events: Callable[[], None]) -> None:
        """Call `output` and `events` whenever there is something in their FIFOs."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self.out, output)
        loop.add_reader(self.events, events)

    def start(self, run: int, prompt: str, *, has_input: bool) -> None:
        """Order a run of the agent; the shim takes an order once."""
        self._leave_prompt(prompt)
        self._control.write(f"RUN {run} {'stdin' if has_input else 'null'}\n".encode())

    def _leave_prompt(self, prompt: str) -> None:
        new = self._folder / f".prompt.{os.getpid()}"
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        # A new file: nothing that the agent may have put there is written to.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(new, flags, 0o640), "w") as file:
            file.write(prompt)
        new.replace(self._folder / "prompt")

    def end(self, code: int) -> None:
        """Let the agent's container end."""
        self._signals.write(b"KILL\n")
        self._control.write(f"EXIT {code}\n".encode())

    def signal(self, name: str) -> None:
        """Have a signal sent to everything in the agent's container."""
        self._signals.write(f"{name}\n".encode())

    def send(self, run: int, number: int, text: str) -> None:
        """Give the agent a line, or close its stdin where `text` is empty.

        A number is fed once, so that repeating a line of which nobody knows is harmless.
        """
        self._input.write(f"{run} {number} {len(text)} {text}".rstrip().encode("ascii") + b"\n")

    def exit_code(self, run: int) -> int | None:
        """Return what the shim noted of a run's end; None where it has noted nothing."""
        code = _read_tail(self._folder / f"exit.{run}", 8)
        return int(code) if code.strip().isdecimal() else None

    def stderr(self) -> str:
        """Return the end of what the agent wrote to its stderr."""
        return _read_tail(self._folder / "stderr", _TAIL).strip()

    def bound_stderr(self) -> None:
        """Keep the agent's stderr from filling the volume; everything but its end is lost."""
        path = self._folder / "stderr"
        with contextlib.suppress(OSError):
            file = _open_regular(path, os.O_RDWR)
            try:
                size = os.fstat(file).st_size
                if size > _MAX_STDERR:
                    tail = os.pread(file, _TAIL, size - _TAIL)
                    os.ftruncate(file, 0)
                    os.pwrite(file, tail, 0)
            finally:
                os.close(file)

    def close(self) -> None:
        """Close the FIFOs."""
        loop = asyncio.get_running_loop()
        for descriptor in self._descriptors.values():
            loop.remove_reader(descriptor)
            loop.remove_writer(descriptor)
            os.close(descriptor)


def make_link(folder: Path) -> None:
    """Put the shim and the FIFOs into the folder that is shared with the agent."""
    make_fifos(folder)
    new = folder / ".shim.new"
    new.write_bytes(_SHIM.read_bytes())
    new.chmod(0o755)
    new.replace(folder / "shim")


def make_fifos(folder: Path) -> None:
    """Make the FIFOs, for the group that both sides are in; those that are there stay."""
    for name in FIFOS:
        with contextlib.suppress(FileExistsError):
            os.mkfifo(folder / name, 0o660)
        (folder / name).chmod(0o660)


def _open_fifo(path: Path) -> int:
    # For reading and writing: it never blocks, and never ends.
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise LinkBroken(f"{path} cannot be opened: {error.strerror}") from error
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise LinkBroken(f"{path} is no FIFO; was the init container `prepare` run?")
    return descriptor


def _open_regular(path: Path, flags: int) -> int:
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no regular file")
    return descriptor


def _read_tail(path: Path, limit: int) -> str:
    try:
        file = _open_regular(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        size = os.fstat(file).st_size
        return os.pread(file, limit, max(0, size - limit)).decode(errors="replace")
    finally:
        os.close(file)
