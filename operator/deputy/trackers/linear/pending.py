"""The results that are pending: whoever hands in an update is told what became of it."""

import asyncio
import collections

from deputy.errors import DeputyError
from deputy.trackers.updates import PostActivity, PostComment, Result, Update

#: So many results are remembered, for those who hand in the same again.
_MEMORY = 20_000


class WriterStopped(DeputyError):
    """The writer ended before it knew; hand the update in again later, under the same id."""


def id_of(update: Update) -> str | None:
    """Return the id by which Linear recognises an update that comes twice, if it has one."""
    match update:
        case PostActivity(activity_id=found) | PostComment(comment_id=found):
            return found
        case _:
            return None


class PendingResults:
    """One future for each update that waits, and the results of those that had an id."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[asyncio.Future[Result], str | None]] = {}
        self._by_id: dict[str, asyncio.Future[Result]] = {}
        self._known: collections.OrderedDict[str, Result] = collections.OrderedDict()

    def known(self, update: Update) -> asyncio.Future[Result] | None:
        """Return the future that was given for the same id, resolved or still open."""
        found = id_of(update)
        if found is None:
            return None
        if found in self._known:
            return resolved(self._known[found])
        future = self._by_id.get(found)
        return _followed(future) if future is not None else None

    def add(self, number: int, update: Update) -> asyncio.Future[Result]:
        """Return a future; whoever cancels theirs takes nothing from the others."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        found = id_of(update)
        self._open[number] = future, found
        if found is not None:
            self._by_id[found] = future
        return _followed(future)

    def resolve(self, number: int, result: Result, *, remember: bool = True) -> None:
        """Tell what became of an update."""
        future, found = self._open.pop(number)
        future.set_result(result)
        if found is None:
            return
        del self._by_id[found]
        if remember:
            self._known[found] = result
            while len(self._known) > _MEMORY:
                self._known.popitem(last=False)

    def fail_all(self) -> None:
        """Tell everybody who still waits that nobody will know."""
        for future, _ in self._open.values():
            future.set_exception(WriterStopped("the writer has stopped"))
            future.exception()  # Not everybody waits for theirs; that is no mistake.
        self._open.clear()
        self._by_id.clear()

    def unresolved(self) -> list[asyncio.Future[Result]]:
        """Return what nobody has been told yet."""
        return [future for future, _ in self._open.values()]


def _followed(future: asyncio.Future[Result]) -> asyncio.Future[Result]:
    """Return a future that ends as `future` does, and whose cancelling does nothing to it."""
    follower: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

    def follow(_: object) -> None:
        if follower.done():
            return
        if (error := future.exception()) is not None:
            follower.set_exception(error)
            follower.exception()
        else:
            follower.set_result(future.result())

    future.add_done_callback(follow)
    return follower


def resolved(result: Result) -> asyncio.Future[Result]:
    """Return a future that is resolved already."""
    future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    future.set_result(result)
    return future


def stopped() -> asyncio.Future[Result]:
    """Return a future of a writer that has stopped."""
    future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    future.set_exception(WriterStopped("the writer has stopped"))
    future.exception()
    return future
