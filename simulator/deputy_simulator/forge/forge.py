"""What the parts of a simulated forge share: settings, repositories, tokens, faults, a log."""

import asyncio
import base64
import binascii
import collections
import dataclasses
import hmac
import time
from typing import Any

from aiohttp import web

from deputy_simulator.forge.errors import Refusal, not_found
from deputy_simulator.forge.payloads import Addresses
from deputy_simulator.forge.settings import Grant, Settings
from deputy_simulator.forge.store import Repository, Store

#: Requests that the log keeps.
LOGGED = 2_000


@dataclasses.dataclass(slots=True)
class Fault:
    """Answer the next `count` requests that fit with `status`.

    `path` is a part of the request's path. A fault that comes `late` lets the request have its
    effect and loses the answer only. `delay` is in seconds; with `status` 0 nothing else is wrong.
    """

    count: int = 1
    status: int = 503
    method: str = ""
    path: str = ""
    late: bool = False
    delay: float = 0.0

    def fits(self, method: str, path: str) -> bool:
        """Tell whether it is for this request."""
        return self.count > 0 and self.method in ("", method) and self.path in path


@dataclasses.dataclass(frozen=True, slots=True)
class Logged:
    """A request as the log has it: without its token."""

    time: float
    method: str
    path: str
    query: str
    scheme: str
    login: str
    status: int
    body: Any


@dataclasses.dataclass(slots=True)
class Forge:
    """Everything that a simulated forge holds."""

    settings: Settings
    store: Store
    grants: list[Grant]
    faults: list[Fault] = dataclasses.field(default_factory=list)
    log: collections.deque[Logged] = dataclasses.field(
        default_factory=lambda: collections.deque(maxlen=LOGGED)
    )
    lock: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)

    def addresses(self, request: web.Request) -> Addresses:
        """Return the forge's addresses as whoever asks reaches it."""
        asked = f"{request.scheme}://{request.host}"
        return Addresses(f"{asked}/api/v3", self.settings.site_url or asked)

    def next_fault(self, method: str, path: str) -> Fault | None:
        """Return the fault that a request meets, and count it."""
        found = next((fault for fault in self.faults if fault.fits(method, path)), None)
        if found is not None:
            found.count -= 1
        self.faults = [fault for fault in self.faults if fault.count > 0]
        return found

    def note(self, request: web.Request, status: int, body: Any) -> None:
        """Write a request into the log."""
        scheme, token = credentials(request)
        grant = self._grant_of(token)
        entry = Logged(
            time=time.time(),
            method=request.method,
            path=request.path,
            query=request.query_string,
            scheme=scheme,
            login=grant.login if grant else "",
            status=status,
            body=body,
        )
        self.log.append(entry)

    def grant(self, request: web.Request) -> Grant | None:
        """Return what the caller may do; None for a stranger.

        Raises:
            Refusal: the token is not known.
        """
        _, token = credentials(request)
        if not token:
            return None
        found = self._grant_of(token)
        if found is None:
            raise Refusal(401, "Bad credentials")
        return found

    def repository(self, request: web.Request, grant: Grant | None) -> Repository:
        """Return the repository that a request names, as far as the caller sees it."""
        owner, name = request.match_info["owner"], request.match_info["repository"]
        found = self.store.get(owner, name)
        sees = not self.settings.private if grant is None else grant.sees(found.full_name)
        if not sees:
            raise not_found()
        return found

    def _grant_of(self, token: str) -> Grant | None:
        offered = token.encode()
        known = (
            grant for grant in self.grants if hmac.compare_digest(grant.token.encode(), offered)
        )
        return next(known, None)


FORGE: web.AppKey[Forge] = web.AppKey("forge", Forge)


def credentials(request: web.Request) -> tuple[str, str]:
    """Return the scheme and the token of a request; the password of Basic is the token."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return scheme.lower(), value.strip()
    try:
        pair = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "basic", "\0"
    return "basic", pair.partition(":")[2] or "\0"
