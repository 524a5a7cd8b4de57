"""Who leads: nobody without the lease, and nobody who was asked to end."""

import asyncio
import datetime as dt
import pathlib
from typing import TYPE_CHECKING, cast

import kopf
import pytest
import structlog

from deputy.api.names import LEASE
from deputy.health import Health
from deputy.kube import resources
from deputy.kube.leader import Leadership, LeadershipLost, LeaseSettings
from deputy.processes import operator
from deputy.relay.ca import RelayCAMissing
from deputy.relay.certificates import make_ca
from deputy.settings import OperatorSettings
from tests.support.api_server import ApiServer
from tests.support.waiting import a_while

if TYPE_CHECKING:
    import httpx


class Broken:
    """A leadership that ends in a mistake of ours."""

    async def acquire(self) -> None:
        raise ValueError("what the lease says is no time")


def settings(folder: pathlib.Path) -> OperatorSettings:
    """Return the settings of an operator that watches one namespace."""
    return OperatorSettings.from_environment(
        {
            "DEPUTY_NAMESPACE": "deputy",
            "DEPUTY_POD_NAME": "operator-1",
            "DEPUTY_LINEAR_CREDENTIALS": str(folder),
            "DEPUTY_RELAY_URL": "https://relay.deputy:8443",
            "DEPUTY_SIDECAR_IMAGE": "localhost/sidecar:1",
        }
    )


async def test_who_fails_to_ask_for_the_lease_does_not_lead() -> None:
    with pytest.raises(ValueError, match="is no time"):
        await operator._acquired(cast("Leadership", Broken()), asyncio.Event())


def leadership(server: ApiServer, identity: str) -> Leadership:
    return Leadership(server.client(), LeaseSettings("deputy", LEASE, identity))


async def test_who_is_asked_to_end_waits_for_the_lease_no_longer() -> None:
    server, stop = ApiServer("deputy"), asyncio.Event()
    await leadership(server, "operator-2").acquire()
    acquiring = asyncio.create_task(operator._acquired(leadership(server, "operator-1"), stop))
    await a_while()
    assert not acquiring.done()

    stop.set()

    assert not await acquiring
    assert server.read(resources.leases("deputy", LEASE))["spec"]["holderIdentity"] == "operator-2"


async def test_a_signal_that_kopf_took_ends_the_leader_in_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    async def ended_by_a_signal(**_: object) -> None:
        """Return, as Kopf does."""

    monkeypatch.setattr(kopf, "operator", ended_by_a_signal)
    stop = asyncio.Event()
    leader = operator.Leader(
        settings(tmp_path),
        kube=ApiServer().client(),
        http=cast("httpx.AsyncClient", None),
        forges=cast("httpx.AsyncClient", None),
        ca=make_ca(dt.datetime.now(dt.UTC)),
        health=Health(),
        stop=stop,
    )

    await leader._watch()

    assert stop.is_set()


@pytest.mark.parametrize("error", [LeadershipLost("gone"), RelayCAMissing("run helm upgrade")])
def test_who_cannot_lead_says_why_and_is_started_anew(
    error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    async def within_groups(_settings: object) -> None:
        raise ExceptionGroup("outer", [ExceptionGroup("inner", [error])])

    monkeypatch.setattr(operator, "_main", within_groups)
    monkeypatch.setattr("deputy.log.configure", lambda _: None)

    with structlog.testing.capture_logs() as logs:
        status = operator.run(settings(tmp_path))

    assert status == 1
    assert [line["error"] for line in logs] == [str(error)]
