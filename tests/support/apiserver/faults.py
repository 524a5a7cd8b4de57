"""What goes wrong between a client and the API server, when a test wants it to."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Iterator

import aiohttp

from tests.support.apiserver.exchange import Answer, Request, answer_of
from tests.support.apiserver.refusals import Refusal

ANY = "*"

_REASONS = {403: "Forbidden", 409: "Conflict", 410: "Expired", 429: "TooManyRequests"}
_WRITES = ("create", "update", "patch", "delete")


@dataclasses.dataclass(slots=True)
class Fault:
    """Something that happens to the next `times` requests of a verb to a resource."""

    verb: str
    resource: str
    times: int
    after_write: bool = False
    answer: Answer | None = None
    drops: bool = False
    seconds: float = 0.0
    gate: asyncio.Event | None = None

    def matches(self, request: Request) -> bool:
        """Say whether it happens to `request`."""
        return (
            self.times > 0
            and self.verb in (ANY, request.verb)
            and self.resource in (ANY, request.resource)
        )


class Faults:
    """The faults that a test has asked for; verbs are Kubernetes' own, `*` is any.

    A resource is written as in RBAC: `pods`, `agentruns/status`.
    """

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._writes_left: int | None = None
        self._death: BaseException | None = None
        self._dead = False
        self._turn: Callable[[], Awaitable[None]] | None = None

    def fail(
        self,
        verb: str,
        resource: str,
        status: int,
        message: str = "",
        *,
        times: int = 1,
        retry_after: int | None = None,
    ) -> None:
        """Answer with `status` instead of doing what is asked: 429, 500, 503, 403 for a quota."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        reason = _REASONS.get(status, "InternalError")
        refusal = Refusal(status, reason, message or f"a fault: {status}", headers=headers)
        self._faults.append(Fault(verb, resource, times, answer=answer_of(refusal)))

    def drop(self, verb: str, resource: str, *, after_write: bool = False, times: int = 1) -> None:
        """Break the connection before anything is done, or when all is done but the answer."""
        self._faults.append(Fault(verb, resource, times, after_write=after_write, drops=True))

    def delay(
        self, verb: str, resource: str, seconds: float, *, after_write: bool = False, times: int = 1
    ) -> None:
        """Take `seconds` longer, before anything is done or before the answer."""
        self._faults.append(Fault(verb, resource, times, after_write=after_write, seconds=seconds))

    def hold(
        self, verb: str, resource: str, *, after_write: bool = False, times: int = 1
    ) -> asyncio.Event:
        """Let requests wait until the event that is returned is set."""
        gate = asyncio.Event()
        self._faults.append(Fault(verb, resource, times, after_write=after_write, gate=gate))
        return gate

    def die_after(self, writes: int, death: BaseException) -> None:
        """Raise `death` when that many writes are done, and at whatever is asked after that."""
        self._writes_left, self._death = writes, death

    def take_turns(self, turn: Callable[[], Awaitable[None]]) -> None:
        """Have every request wait for a turn before anything is done, and again for its answer."""
        self._turn = turn

    async def before(self, request: Request) -> Answer | None:
        """Let happen what happens before a request is dealt with."""
        if self._dead and self._death is not None:
            raise self._death
        await self._take_turn()
        return await self._happen(request, after_write=False)

    async def after(self, request: Request, answer: Answer) -> None:
        """Let happen what happens before the answer arrives."""
        if self._death is not None and request.verb in _WRITES and answer.status < 400:
            self._count_write(self._death)
        await self._take_turn()
        await self._happen(request, after_write=True)

    async def _take_turn(self) -> None:
        if self._turn is not None:
            await self._turn()

    def _count_write(self, death: BaseException) -> None:
        self._writes_left = (self._writes_left or 0) - 1
        if self._writes_left <= 0:
            self._dead = True
            raise death

    async def _happen(self, request: Request, *, after_write: bool) -> Answer | None:
        for fault in self._next(request, after_write=after_write):
            await asyncio.sleep(fault.seconds)
            if fault.gate is not None:
                await fault.gate.wait()
            if fault.drops:
                raise aiohttp.ServerDisconnectedError
            if fault.answer is not None:
                return fault.answer
        return None

    def _next(self, request: Request, *, after_write: bool) -> Iterator[Fault]:
        for fault in self._faults:
            if fault.after_write is after_write and fault.matches(request):
                fault.times -= 1
                yield fault
