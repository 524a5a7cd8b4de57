"""What whoever hands in an update is promised: to be told what became of it."""

import asyncio
import collections

from deputy.trackers.updates import PostActivity, PostComment, Result, Update

#: So many results are remembered, for those who hand in the same again.
_MEMORY = 20_000


class WriterStopped(Exception):
    """The writer ended before it knew; hand the update in again later, under the same id."""


def id_of(update: Update) -> str | None:
    """Return the id by which Linear recognises an update that comes twice, if it has one."""
    match update:
        case PostActivity(activity_id=found) | PostComment(comment_id=found):
            return found
        case _:
            return None


class Promises:
    """One future for each update that waits, and the results of those that had an id."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[asyncio.Future[Result], str | None]] = {}
        self._by_id: dict[str, asyncio.Future[Result]] = {}
        self._known: collections.OrderedDict[str, Result] = collections.OrderedDict()

    def known(self, update: Update) -> asyncio.Future[Result] | None:
        """Return the promise that was given for the same id, kept or still open."""
        found = id_of(update)
        if found is None:
            return None
        if found in self._known:
            return kept(self._known[found])
        promise = self._by_id.get(found)
        return _followed(promise) if promise is not None else None

    def give(self, number: int, update: Update) -> asyncio.Future[Result]:
        """Return a promise; whoever cancels theirs takes nothing from the others."""
        promise: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        found = id_of(update)
        self._open[number] = promise, found
        if found is not None:
            self._by_id[found] = promise
        return _followed(promise)

    def keep(self, number: int, result: Result, *, remember: bool = True) -> None:
        """Tell what became of an update."""
        promise, found = self._open.pop(number)
        promise.set_result(result)
        if found is None:
            return
        del self._by_id[found]
        if remember:
            self._known[found] = result
            while len(self._known) > _MEMORY:
                self._known.popitem(last=False)

    def break_all(self) -> None:
        """Tell everybody who still waits that nobody will know."""
        for promise, _ in self._open.values():
            promise.set_exception(WriterStopped("the writer has stopped"))
            promise.exception()  # Not everybody waits for theirs; that is no mistake.
        self._open.clear()
        self._by_id.clear()

    def still_open(self) -> list[asyncio.Future[Result]]:
        """Return what nobody has been told yet."""
        return [promise for promise, _ in self._open.values()]


def _followed(promise: asyncio.Future[Result]) -> asyncio.Future[Result]:
    """Return a future that ends as `promise` does, and whose cancelling does nothing to it."""
    follower: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

    def follow(_: object) -> None:
        if follower.done():
            return
        if (error := promise.exception()) is not None:
            follower.set_exception(error)
            follower.exception()
        else:
            follower.set_result(promise.result())

    promise.add_done_callback(follow)
    return follower


def kept(result: Result) -> asyncio.Future[Result]:
    """Return a promise that is kept already."""
    promise: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    promise.set_result(result)
    return promise


def broken() -> asyncio.Future[Result]:
    """Return a promise of a writer that has stopped."""
    promise: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    promise.set_exception(WriterStopped("the writer has stopped"))
    promise.exception()
    return promise
