"""What Kopf's watches promise us, and what they do not: why `Resync` stands beside them.

Kopf follows the fake API server over HTTP; docs/decisions/0006-own-thin-kubernetes-client.md rests
on these facts.
"""

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import kopf
import pytest
from typing_extensions import override

from deputy.kube import resources
from tests.support.api_server import ApiServer
from tests.support.apiserver.http import serving

FOLDER = resources.blueprints("team-a")


class ForEver(Iterable[float]):
    """Back-offs that never run out."""

    @override
    def __iter__(self) -> Iterator[float]:
        return itertools.repeat(0.01)


class Followed:
    """An operator that follows Blueprints, and what it is told.

    It has a thread and a loop of its own: when Kopf ends, it cancels every task of its loop that
    began after it, whosever it is.
    """

    def __init__(self, server: ApiServer, url: str) -> None:
        self.events: list[tuple[str | None, str]] = []
        self.logins = 0
        self.settings = kopf.OperatorSettings()
        self.settings.posting.enabled = False
        self.settings.scanning.disabled = True
        self.settings.watching.reconnect_backoff = 0.01
        self.settings.networking.error_backoffs = (0.01, 0.01)
        self._server = server
        self._url = url
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start the operator."""
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(self._login)
        kopf.on.event("deputy.dev", "v1alpha1", "blueprints", registry=registry)(self._take)
        self.task = asyncio.create_task(asyncio.to_thread(asyncio.run, self._follow(registry)))

    async def _follow(self, registry: kopf.OperatorRegistry) -> None:
        self._loop = asyncio.get_running_loop()
        await kopf.operator(
            registry=registry,
            settings=self.settings,
            namespaces=("team-a",),
            standalone=True,
            stop_flag=self._stop,
        )

    def _login(self, **_: Any) -> kopf.ConnectionInfo:
        self.logins += 1
        return kopf.ConnectionInfo(server=self._url, token=f"token-{self.logins}")

    async def _take(self, event: Any, **_: Any) -> None:
        self.events.append((event["type"], event["object"]["metadata"]["name"]))

    async def end(self) -> None:
        """Stop the operator."""
        if self.task is not None and not self.task.done() and self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            await asyncio.wait([self.task], timeout=10)
        # Kopf leaves tasks that have failed; they say so now and not in the middle of a later test.
        gc.collect()

    async def until(self, holds: Callable[[], object]) -> None:
        """Return once it holds."""
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110  what is waited for tells nobody
                await asyncio.sleep(0.005)

    async def watching(self) -> None:
        """Return once a watch is open."""
        await self.until(lambda: self._server.open_watches == 1)

    def asked(self) -> list[str]:
        """Return the verbs of the requests since this was called last."""
        verbs = [request.verb for request in self._server.requests]
        self._server.requests.clear()
        return verbs


@pytest.fixture
async def followed(server: ApiServer) -> AsyncIterator[Followed]:
    async with serving(server) as url:
        operator = Followed(server, url)
        yield operator
        await operator.end()


def blueprint(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "deputy.dev/v1alpha1",
        "kind": "Blueprint",
        "metadata": {"name": name, "namespace": "team-a"},
        "spec": {"agent": {"image": "localhost/agent:1", "command": ["agent"]}},
    }


async def test_every_change_is_told(server: ApiServer, followed: Followed) -> None:
    server.seed(blueprint("a"))
    followed.begin()
    await followed.watching()

    server.seed(blueprint("b"))
    await server.client().delete(f"{FOLDER}/a")
    await followed.until(lambda: len(followed.events) == 3)

    assert sorted(followed.events, key=str) == [("ADDED", "b"), ("DELETED", "a"), (None, "a")]


async def test_a_watch_that_is_cut_goes_on_where_it_was(
    server: ApiServer, followed: Followed
) -> None:
    followed.begin()
    await followed.watching()
    followed.asked()

    server.cut_watches()
    server.seed(blueprint("a"))
    await followed.until(lambda: followed.events)

    assert followed.events == [("ADDED", "a")]
    assert followed.asked() == ["watch"]


async def test_what_is_deleted_before_a_new_list_is_never_told(
    server: ApiServer, followed: Followed
) -> None:
    server.seed(blueprint("gone"))
    server.seed(blueprint("stays"))
    followed.begin()
    await followed.until(lambda: len(followed.events) == 2)
    await followed.watching()
    followed.asked()
    followed.events.clear()

    gate = server.faults.hold("watch", "blueprints")
    server.cut_watches()
    await server.client().delete(f"{FOLDER}/gone")
    server.seed(blueprint("new"))
    server.forget_history()
    gate.set()
    await followed.until(lambda: len(followed.events) == 2)
    await followed.watching()

    assert sorted(followed.events, key=str) == [(None, "new"), (None, "stays")]
    assert followed.asked() == ["delete", "watch", "list", "watch"]


async def test_a_watch_that_is_silent_is_replaced(server: ApiServer, followed: Followed) -> None:
    followed.settings.watching.inactivity_timeout = 0.1
    followed.begin()
    await followed.watching()

    server.silence_watches()
    server.seed(blueprint("a"))
    await followed.until(lambda: followed.events)

    assert followed.events == [("ADDED", "a")]


async def test_a_token_that_is_refused_is_asked_for_again(
    server: ApiServer, followed: Followed
) -> None:
    followed.begin()
    await followed.watching()
    server.faults.fail("watch", "blueprints", 401)

    server.end_watches()
    server.seed(blueprint("a"))
    await followed.until(lambda: followed.events)

    assert followed.logins == 2


async def test_a_server_that_is_away_for_longer_than_the_back_offs_ends_the_operator(
    server: ApiServer, followed: Followed
) -> None:
    followed.begin()
    await followed.watching()
    server.faults.fail("watch", "blueprints", 503, times=3)

    server.end_watches()
    assert followed.task is not None
    done, _ = await asyncio.wait([followed.task], timeout=10)

    assert done
    with pytest.raises(Exception, match="a fault: 503"):
        await followed.task


async def test_back_offs_that_never_run_out_keep_it(server: ApiServer, followed: Followed) -> None:
    followed.settings.networking.error_backoffs = ForEver()
    followed.begin()
    await followed.watching()
    server.faults.fail("watch", "blueprints", 503, times=30)

    server.end_watches()
    server.seed(blueprint("a"))
    await followed.until(lambda: followed.events)

    assert followed.events == [("ADDED", "a")]
