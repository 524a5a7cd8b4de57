"""Facts of where the relay's authority is kept: one Secret, and one authority in it."""

import asyncio
import datetime as dt
from typing import Any

import pytest

from deputy.api.names import RELAY_CA_SECRET
from deputy.kube import resources
from deputy.relay.ca import RelayCAMissing, relay_ca
from deputy.relay.certificates import is_good
from tests.support.api_server import ApiServer

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
PATH = resources.secrets("deputy", RELAY_CA_SECRET)


@pytest.fixture
def server() -> ApiServer:
    """An API server with the Secret as the chart makes it: empty."""
    server = ApiServer("deputy")
    metadata = {"name": RELAY_CA_SECRET, "namespace": "deputy"}
    server.seed({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    return server


async def test_the_first_leader_makes_the_authority_and_the_next_one_has_the_same(
    server: ApiServer,
) -> None:
    first = await relay_ca(server.client(), "deputy", NOW)
    second = await relay_ca(server.client(), "deputy", NOW)

    assert is_good(first, NOW)
    assert second == first


async def test_of_two_that_make_one_at_once_both_have_that_of_the_first(server: ApiServer) -> None:
    made = await asyncio.gather(*(relay_ca(server.client(), "deputy", NOW) for _ in range(2)))

    assert made[0] == made[1]
    assert [request.verb for request in server.requests].count("update") == 2


async def test_an_authority_that_runs_out_is_replaced(server: ApiServer) -> None:
    old = await relay_ca(server.client(), "deputy", NOW)
    later = NOW + dt.timedelta(days=3471)

    new = await relay_ca(server.client(), "deputy", later)

    assert new != old
    assert is_good(new, later)


async def test_a_secret_that_is_missing_is_named_with_what_to_do(server: ApiServer) -> None:
    server.delete(PATH)

    with pytest.raises(RelayCAMissing, match="run `helm upgrade` to have it back"):
        await relay_ca(server.client(), "deputy", NOW)


@pytest.mark.parametrize("kept", [{"annotations": {"team": "a"}}, {"labels": {"team": "a"}}])
async def test_what_others_have_written_into_the_secret_stays(
    server: ApiServer, kept: dict[str, Any]
) -> None:
    server.patch(PATH, {"metadata": kept})

    await relay_ca(server.client(), "deputy", NOW)

    assert kept.items() <= server.read(PATH)["metadata"].items()
