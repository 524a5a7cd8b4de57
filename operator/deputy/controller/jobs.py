"""Slow work of a run in the background, so that a world that does not answer holds up no worker."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable

import structlog

from deputy.controller import metrics

_LOG = structlog.stdlib.get_logger(__name__)

#: The first and the longest pause after a job failed, in seconds; who asks for more gets more.
_FIRST_BACKOFF, _MAX_BACKOFF = 0.2, 30.0
_MAX_RETRY_AFTER = 3600.0


@dataclasses.dataclass(slots=True)
class _Job:
    """Work of one kind: under way while it has a task, else due at some time of the loop."""

    task: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None
    due: float = 0.0
    failures: int = 0

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()
        if self.timer is not None:
            self.timer.cancel()


class RunJobs:
    """The jobs of one run: one at a time of each kind, repeated with back-off until it is done."""

    def __init__(self) -> None:
        self._jobs: dict[type, _Job] = {}

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """What is under way."""
        return {job.task for job in self._jobs.values() if job.task is not None}

    def start(
        self, kind: type, work: Callable[[], Awaitable[None]], wake: Callable[[], None]
    ) -> None:
        """Begin `work`, unless some of its kind is under way, or has failed and is not due again.

        `wake` is called once it is done, and when it may be started again after a failure.
        """
        job = self._jobs.setdefault(kind, _Job())
        loop = asyncio.get_running_loop()
        if job.task is None and loop.time() >= job.due:
            job.task = loop.create_task(self._run(kind, job, work, wake))

    def cancel(self, kind: type) -> None:
        """Break off work of a kind: nobody wants it any more."""
        if (job := self._jobs.pop(kind, None)) is not None:
            job.cancel()

    def cancel_all(self) -> None:
        """Break everything off."""
        for kind in list(self._jobs):
            self.cancel(kind)

    async def _run(
        self,
        kind: type,
        job: _Job,
        work: Callable[[], Awaitable[None]],
        wake: Callable[[], None],
    ) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  whatever it is, it is tried again
            self._failed(kind, job, error, wake)
        else:
            self._jobs.pop(kind, None)
            wake()
        finally:
            job.task = None

    def _failed(self, kind: type, job: _Job, error: Exception, wake: Callable[[], None]) -> None:
        job.failures += 1
        pause = pause_after(error, job.failures)
        loop = asyncio.get_running_loop()
        job.due = loop.time() + pause
        job.timer = loop.call_later(pause, wake)
        metrics.WORK_FAILURES.inc()
        said = f"{type(error).__name__}: {error}"
        _LOG.warning("will try again", job=kind.__name__, seconds=pause, error=said)


def pause_after(error: Exception, failures: int) -> float:
    """Return the seconds to wait after so many failures, never less than `error` asks for."""
    backoff: float = min(_FIRST_BACKOFF * 2 ** min(failures - 1, 12), _MAX_BACKOFF)
    wanted: float = getattr(error, "retry_after", None) or 0.0
    return max(backoff, min(wanted, _MAX_RETRY_AFTER))
