"""Who leads: nobody without the lease, and nobody who was asked to end."""

import asyncio
from typing import TYPE_CHECKING, cast

import kopf
import pytest
import structlog

from deputy.controller import process
from deputy.controller.authority import AuthorityMissing
from deputy.controller.health import Health
from deputy.controller.leader import LeadershipLost

if TYPE_CHECKING:
    from deputy.controller.leader import Leadership
    from deputy.controller.watch import Listeners
    from deputy.kube.client import Kube
    from deputy.settings import OperatorSettings


class Broken:
    """A struggle for the lease that ends in a mistake of ours."""

    async def acquire(self) -> None:
        raise ValueError("what the lease says is no time")


class Waiting:
    """A struggle for the lease that somebody else has won."""

    async def acquire(self) -> None:
        await asyncio.Event().wait()


class Nowhere:
    """Settings of an operator that watches nothing."""

    agent_namespaces: tuple[str, ...] = ()
    log_level = "INFO"


async def test_who_fails_to_ask_for_the_lease_does_not_lead() -> None:
    with pytest.raises(ValueError, match="is no time"):
        await process._acquired(cast("Leadership", Broken()), asyncio.Event())


async def test_who_is_asked_to_end_waits_for_the_lease_no_longer() -> None:
    stop = asyncio.Event()
    stop.set()

    assert not await process._acquired(cast("Leadership", Waiting()), stop)


async def test_a_signal_that_kopf_took_ends_the_leader_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def ended_by_a_signal(**_: object) -> None:
        """Return, as Kopf does."""

    monkeypatch.setattr(kopf, "operator", ended_by_a_signal)
    monkeypatch.setattr(process, "registry_of", lambda *_: kopf.OperatorRegistry())
    stop = asyncio.Event()
    leader = process._Leader(
        cast("OperatorSettings", Nowhere()),
        cast("Kube", None),
        cast("Leadership", Waiting()),
        Health(),
        stop,
    )

    await leader._watch(cast("Listeners", None))

    assert stop.is_set()


@pytest.mark.parametrize("error", [LeadershipLost("gone"), AuthorityMissing("run helm upgrade")])
def test_who_cannot_lead_says_why_and_is_started_anew(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def within_groups(_settings: object) -> None:
        raise ExceptionGroup("outer", [ExceptionGroup("inner", [error])])

    monkeypatch.setattr(process, "_main", within_groups)
    monkeypatch.setattr("deputy.log.configure", lambda _: None)

    with structlog.testing.capture_logs() as logs:
        status = process.run(cast("OperatorSettings", Nowhere()))

    assert status == 1
    assert [line["error"] for line in logs] == [str(error)]
