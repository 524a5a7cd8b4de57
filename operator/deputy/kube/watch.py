"""The one watch stack of every process of ours: Kopf's, feeding stores.

`on.event` alone, with storages that store nothing: Kopf writes no annotations, sets no
finalizers and keeps no state of ours (docs/decisions/0001-kopf-on-event.md).
"""

import asyncio
import dataclasses
import itertools
import logging
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import kopf
from typing_extensions import override

from deputy.kube.signals import stop_on_signals
from deputy.kube.store import Store


@dataclasses.dataclass(frozen=True, slots=True)
class Watched:
    """A kind of object that is followed: where it is, what keeps it, who is told of changes.

    `changed` and `deleted` are called with the object as the store has read it, `changed` only
    where that is newer. `path` gives the list of a namespace.
    """

    group: str
    version: str
    plural: str
    path: Callable[[str], str]
    store: Store[Any]
    changed: Callable[[Any], None]
    deleted: Callable[[Any], None]
    label_selector: str = ""


#: Seconds between the first attempts of a request of Kopf's, and between all that follow.
_FIRST_BACKOFFS = (1.0, 1.0, 2.0, 3.0)
_BACKOFF = 5.0


class _Backoffs:
    """The pauses between attempts, without an end.

    Where they end, Kopf ends: a namespace that is deleted or whose RoleBinding is gone would take
    the process with it, and so every other namespace.
    """

    def __iter__(self) -> Iterator[float]:
        return itertools.chain(_FIRST_BACKOFFS, itertools.repeat(_BACKOFF))


class _NoProgress(kopf.ProgressStorage):
    """Progress of handlers that have none."""

    @override
    def fetch(self, **_: Any) -> None:
        """Know nothing."""

    @override
    def store(self, **_: Any) -> None:
        """Write nothing."""

    @override
    def purge(self, **_: Any) -> None:
        """Write nothing."""

    @override
    def touch(self, **_: Any) -> None:
        """Write nothing."""

    @override
    def clear(self, *, essence: Any) -> Any:
        """Leave the object as it is."""
        return essence


class _NoDiffBase(kopf.DiffBaseStorage):
    """Differences that nobody asks for."""

    @override
    def build(self, **_: Any) -> Any:
        """Copy nothing."""
        return {}

    @override
    def fetch(self, **_: Any) -> None:
        """Know nothing."""

    @override
    def store(self, **_: Any) -> None:
        """Write nothing."""


async def watch(
    watched: Sequence[Watched],
    namespaces: Sequence[str],
    kubeconfig: pathlib.Path | None,
    stop: asyncio.Event,
) -> None:
    """Follow what is `watched` in `namespaces` until cancelled.

    Kopf takes SIGTERM and SIGINT for itself. They are taken back as soon as it has begun, and set
    `stop`; a signal that comes in between ends Kopf, which sets it too. `kubeconfig` is for a
    process outside of the cluster.
    """
    begun = asyncio.Event()
    taking_back = asyncio.ensure_future(_take_signals_back(begun, stop))
    try:
        await kopf.operator(
            registry=_registry(watched, kubeconfig),
            settings=_settings(watched),
            namespaces=namespaces,
            standalone=True,
            ready_flag=begun,
        )
    finally:
        taking_back.cancel()
        stop_on_signals(stop)
    stop.set()


async def _take_signals_back(begun: asyncio.Event, stop: asyncio.Event) -> None:
    await begun.wait()
    stop_on_signals(stop)


def _registry(watched: Sequence[Watched], kubeconfig: pathlib.Path | None) -> kopf.OperatorRegistry:
    """Return the handlers: each puts what it got where it belongs, and decides nothing."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login(kubeconfig))
    for one in watched:
        kopf.on.event(one.group, one.version, one.plural, registry=registry)(_handler(one))
    return registry


def _login(kubeconfig: pathlib.Path | None) -> Callable[..., kopf.ConnectionInfo | None]:
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        if kubeconfig is None:
            return kopf.login_with_service_account(**kwargs)
        os.environ["KUBECONFIG"] = str(kubeconfig)
        return kopf.login_with_kubeconfig(**kwargs)

    return login


def _handler(watched: Watched) -> Callable[..., Any]:
    async def handle(event: Any, **_: Any) -> None:
        apply_event(watched, event["type"], dict(event["object"]))

    return handle


def apply_event(watched: Watched, kind: str | None, body: dict[str, Any]) -> None:
    """Take in one event of a watch; `kind` is the API server's word for it, None at the start."""
    if kind == "DELETED":
        last = watched.store.remove(body)
        if last is not None:
            watched.deleted(last)
    elif watched.store.put(body):
        metadata = body["metadata"]
        watched.changed(watched.store.get(metadata["namespace"], metadata["name"]))


def _settings(watched: Sequence[Watched]) -> kopf.OperatorSettings:
    """Return settings with everything off that writes or scans."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.queueing.worker_limit = None
    settings.persistence.progress_storage = _NoProgress()
    settings.persistence.diffbase_storage = _NoDiffBase()
    for one in watched:
        if one.label_selector:
            settings.watching.label_selectors[one.group, one.version, one.plural] = (
                one.label_selector
            )
    # The server cuts watches under bursts: resume at once.
    settings.watching.reconnect_backoff = 0.05
    settings.networking.error_backoffs = _Backoffs()
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    return settings
