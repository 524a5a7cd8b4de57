"""Facts of what anybody may send, before it is known who it is."""

import asyncio
import contextlib
import itertools
import json
import pathlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from aiohttp import ClientError, ClientSession

from deputy.webhook.app import make_app
from deputy.webhook.bodies import BodyReader, BodyTooSlow
from deputy.webhook.connections import Connections, listen
from tests.webhook.conftest import SECRET, Replica, until
from tests.webhook.test_app import UNKNOWN, FakeParts
from tests.webhook.test_process import command, free_port

NOWHERE = json.dumps(
    {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {}}],
    }
)
SIGNED = b"Linear-Signature: " + b"0" * 64 + b"\r\n"


def head(length: int, *, signed: bool = True) -> bytes:
    size = f"Content-Length: {length}\r\n".encode()
    return b"POST /webhooks/linear HTTP/1.1\r\nHost: x\r\n" + size + signed * SIGNED + b"\r\n"


class Sender:
    """A connection that sends what it likes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setblocking(False)

    async def send(self, what: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, what)

    async def status(self) -> int:
        """Return the status of the answer, 0 where the connection was closed without one."""
        try:
            async with asyncio.timeout(20):
                answer = await asyncio.get_running_loop().sock_recv(self._socket, 4096)
        except ConnectionError:
            return 0
        return int(answer.split()[1]) if answer else 0

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def connecting(port: int) -> Iterator[Callable[[], Sender]]:
    with contextlib.ExitStack() as stack:

        def connect() -> Sender:
            sender = Sender(port)
            stack.callback(sender.close)
            return sender

        yield connect


@contextlib.asynccontextmanager
async def listening(connections: Connections | None = None) -> AsyncIterator[tuple[int, FakeParts]]:
    fake = FakeParts()
    served = await listen(make_app(fake.parts), 0, "127.0.0.1", connections)
    try:
        yield served.listener.sockets[0].getsockname()[1], fake
    finally:
        await served.end()


async def test_whoever_does_not_sign_has_nothing_read() -> None:
    async with listening() as (port, fake):
        with connecting(port) as connect:
            sender = connect()
            await sender.send(head(1_000_000, signed=False))

            assert await sender.status() == 401
        assert fake.received() == {("unknown", "signature_missing"): 1}


async def test_what_is_no_signature_is_refused_before_the_body() -> None:
    async with listening() as (port, fake):
        with connecting(port) as connect:
            sender = connect()
            await sender.send(head(1_000_000).replace(b"0" * 64, b"sha256=0"))

            assert await sender.status() == 401
        assert fake.received() == {("unknown", "signature_wrong"): 1}


class Received:
    """A request whose body comes in chunks, and then no further."""

    content_length = None

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = list(chunks)
        self.content = self

    async def readany(self) -> bytes:
        if self._chunks:
            return self._chunks.pop(0)
        await asyncio.Event().wait()
        return b""


async def test_a_body_that_does_not_come_in_time_is_given_up() -> None:
    with pytest.raises(BodyTooSlow):
        await BodyReader(seconds=0.01).read(Received(b"x"))  # type: ignore[arg-type]


async def test_where_bodies_hold_too_much_the_one_that_takes_longest_makes_room() -> None:
    reader = BodyReader(most=10)
    bodies = [Received(b"1" * 4), Received(b"2" * 4), Received(b"3" * 4)]

    readings = [asyncio.ensure_future(reader.read(body)) for body in bodies]  # type: ignore[arg-type]
    await asyncio.wait(readings, return_when=asyncio.FIRST_COMPLETED, timeout=5)

    assert [reading.done() for reading in readings] == [True, False, False]
    assert isinstance(readings[0].exception(), BodyTooSlow)
    for reading in readings[1:]:
        reading.cancel()


async def test_whoever_says_nothing_makes_room_for_whoever_does(session: ClientSession) -> None:
    bounded = listening(Connections(most=3))
    async with bounded as (port, _):
        with connecting(port) as connect:
            silent = [connect() for _ in range(6)]

            status = await Replica(f"http://127.0.0.1:{port}", session).send(UNKNOWN)

            assert status == 200
            assert await silent[0].status() == 0


CHUNKED = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"nonsense\r\n\r\n", id="no HTTP"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", id="TLS"),
        pytest.param(head(10).replace(b"10", b"-10"), id="a length below nothing"),
        pytest.param(CHUNKED + b"zz\r\n", id="chunks that are none"),
    ],
)
async def test_what_is_no_request_is_refused_without_a_traceback(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening() as (port, _):
        with connecting(port) as connect:
            sender = connect()
            await sender.send(sent)

            assert await sender.status() == 400
    assert not [record for record in caplog.records if record.exc_info]


async def test_who_goes_away_in_the_middle_leaves_no_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with listening() as (port, fake):
        with connecting(port) as connect:
            await connect().send(head(1000) + b"{")

        async def is_noted() -> bool:
            return ("unknown", "incomplete") in fake.received()

        await until(is_noted, "it is noted that the sender has gone")
    assert not [record for record in caplog.records if record.exc_info]


async def test_five_hundred_slow_senders_cost_less_than_two_hundred_megabytes(
    tmp_path: pathlib.Path, session: ClientSession
) -> None:
    async with webhook_process(tmp_path) as (port, pid):
        replica = Replica(f"http://127.0.0.1:{port}", session)
        await until(lambda: _answers(replica), "the process answers")
        with connecting(port) as connect:
            senders = [connect() for _ in range(500)]
            # Each stops one byte before its end, half of them without so much as a signature.
            await asyncio.gather(
                *(
                    _ignoring_refusals(sender.send(head(1_000_001, signed=odd) + b"x" * 1_000_000))
                    for sender, odd in zip(senders, itertools.cycle((True, False)), strict=False)
                )
            )

            # Nobody has Linear's credentials here, and everybody is heard.
            assert await replica.send(UNKNOWN) == 200

        assert _peak_memory(pid) < 200e6


async def _answers(replica: Replica) -> bool:
    try:
        return (await replica.get("/healthz"))[0] == 200
    except ClientError:
        return False


async def _ignoring_refusals(sending: Awaitable[None]) -> None:
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(20):
            await sending


def _peak_memory(pid: int) -> float:
    """Return the largest resident set of a process so far, in bytes."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
    return int(peak) * 1024


@contextlib.asynccontextmanager
async def webhook_process(folder: pathlib.Path) -> AsyncIterator[tuple[int, int]]:
    """Run `deputy webhook` where no API server is; yield its port and process id."""
    (folder / "webhookSecret").write_text(SECRET)
    (folder / "accessToken").write_text("token")
    (folder / "kubeconfig").write_text(NOWHERE)
    port = free_port()
    arguments, environment = command(
        DEPUTY_NAMESPACE="deputy",
        DEPUTY_POD_NAME="webhook-1",
        DEPUTY_KUBECONFIG=str(folder / "kubeconfig"),
        DEPUTY_LINEAR_CREDENTIALS=str(folder),
        DEPUTY_WEBHOOK_PORT=str(port),
        DEPUTY_DRAIN_SECONDS="0",
    )
    running = await asyncio.create_subprocess_exec(
        *arguments, env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield port, running.pid
    finally:
        running.terminate()
        await asyncio.wait_for(running.wait(), 20)
