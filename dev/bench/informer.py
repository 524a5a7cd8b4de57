"""Wait for objects on the API server, and note when each was first seen."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

from deputy.kube.client import Kube
from deputy.kube.errors import Expired, Unavailable
from dev.cluster.errors import CommandError

Objects: TypeAlias = dict[str, dict[str, Any]]


class Informer:
    """The objects of a folder, as a watch shows them, and when they were first seen."""

    def __init__(self, kube: Kube, folder: str, **selectors: str) -> None:
        self.objects: Objects = {}
        self.first_seen: dict[str, float] = {}
        """The wall clock's time when an object of this name first came."""
        self._kube = kube
        self._folder = folder
        self._selectors = selectors
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Informer"]:
        """Follow until the context ends; what is there already is known inside of it."""
        version = await self._list()
        task = asyncio.get_running_loop().create_task(self._run(version))
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, good: Callable[[Objects], bool], within: float) -> Objects:
        """Return the objects once they are `good` together; raise `CommandError` if never."""
        try:
            async with asyncio.timeout(within), self._changed:
                await self._changed.wait_for(lambda: good(self.objects))
        except TimeoutError:
            raise CommandError(
                f"{self._folder} is not as expected after {within:.0f} s; "
                f"there are {len(self.objects)} objects: {_shown(self.objects)}"
            ) from None
        return self.objects

    async def _run(self, version: str) -> None:
        while True:
            try:
                async for event in self._kube.watch(self._folder, version, **self._selectors):
                    version = event["object"]["metadata"]["resourceVersion"]
                    await self._take(event)
            except Expired:
                version = await self._list()
            except Unavailable:
                # The API server cuts watches as it likes; nothing is lost by going on.
                continue

    async def _list(self) -> str:
        listed = await self._kube.get(self._folder, **self._selectors)
        async with self._changed:
            self.objects = {one["metadata"]["name"]: one for one in listed["items"]}
            self._changed.notify_all()
        version: str = listed["metadata"]["resourceVersion"]
        return version

    async def _take(self, event: dict[str, Any]) -> None:
        if event["type"] == "BOOKMARK":
            return
        name = event["object"]["metadata"]["name"]
        self.first_seen.setdefault(name, time.time())
        async with self._changed:
            if event["type"] == "DELETED":
                self.objects.pop(name, None)
            else:
                self.objects[name] = event["object"]
            self._changed.notify_all()


async def until(
    kube: Kube, folder: str, good: Callable[[Objects], bool], within: float, **selectors: str
) -> Objects:
    """Return the objects of a folder, by name, once they are `good` together."""
    async with Informer(kube, folder, **selectors).running() as informer:
        return await informer.until(good, within)


def _shown(objects: Objects) -> str:
    shown = [f"{name}: {str(one.get('status'))[:300]}" for name, one in list(objects.items())[:3]]
    return "; ".join(shown) or "nothing"
