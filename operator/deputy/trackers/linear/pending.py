"""The results that are pending: whoever submits an update gets a future of what became of it."""

import asyncio
import collections

from deputy.errors import DeputyError
from deputy.trackers.updates import PostActivity, PostComment, Update, UpdateResult

#: So many results are remembered, for those who submit the same again.
_MAX_REMEMBERED = 20_000


class WriterStopped(DeputyError):
    """The writer ended before it knew; submit the update again later, under the same id."""


def id_of(update: Update) -> str | None:
    """Return the id by which Linear recognises an update that comes twice, if it has one."""
    match update:
        case PostActivity(activity_id=update_id) | PostComment(comment_id=update_id):
            return update_id
        case _:
            return None


class PendingResults:
    """One future for each update that waits, and the results of those that had an id."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[asyncio.Future[UpdateResult], str | None]] = {}
        self._by_id: dict[str, asyncio.Future[UpdateResult]] = {}
        self._known: collections.OrderedDict[str, UpdateResult] = collections.OrderedDict()

    def known(self, update: Update) -> asyncio.Future[UpdateResult] | None:
        """Return the future that was given for the same id, resolved or still open."""
        update_id = id_of(update)
        if update_id is None:
            return None
        if update_id in self._known:
            return resolved(self._known[update_id])
        future = self._by_id.get(update_id)
        return _followed(future) if future is not None else None

    def add(self, number: int, update: Update) -> asyncio.Future[UpdateResult]:
        """Return a future; whoever cancels theirs takes nothing from the others."""
        future: asyncio.Future[UpdateResult] = asyncio.get_running_loop().create_future()
        update_id = id_of(update)
        self._open[number] = future, update_id
        if update_id is not None:
            self._by_id[update_id] = future
        return _followed(future)

    def resolve(self, number: int, result: UpdateResult, *, remember: bool = True) -> None:
        """Tell what became of an update."""
        future, update_id = self._open.pop(number)
        future.set_result(result)
        if update_id is None:
            return
        del self._by_id[update_id]
        if remember:
            self._known[update_id] = result
            while len(self._known) > _MAX_REMEMBERED:
                self._known.popitem(last=False)

    def fail_all(self) -> None:
        """Tell everybody who still waits that nobody will know."""
        for future, _ in self._open.values():
            future.set_exception(WriterStopped("the writer has stopped"))
            future.exception()  # Not everybody waits for theirs; that is no mistake.
        self._open.clear()
        self._by_id.clear()

    def unresolved(self) -> list[asyncio.Future[UpdateResult]]:
        """Return what nobody has been told yet."""
        return [future for future, _ in self._open.values()]


def _followed(future: asyncio.Future[UpdateResult]) -> asyncio.Future[UpdateResult]:
    """Return a future that ends as `future` does, and whose cancelling does nothing to it."""
    follower: asyncio.Future[UpdateResult] = asyncio.get_running_loop().create_future()

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


def resolved(result: UpdateResult) -> asyncio.Future[UpdateResult]:
    """Return a future that is resolved already."""
    future: asyncio.Future[UpdateResult] = asyncio.get_running_loop().create_future()
    future.set_result(result)
    return future


def stopped() -> asyncio.Future[UpdateResult]:
    """Return a future of a writer that has stopped."""
    future: asyncio.Future[UpdateResult] = asyncio.get_running_loop().create_future()
    future.set_exception(WriterStopped("the writer has stopped"))
    future.exception()
    return future
