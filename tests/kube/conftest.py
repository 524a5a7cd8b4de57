"""The API server that a fact is asked of: the fake one, and the real one of `make cluster`."""

import pytest

from tests.kube.promises import Api
from tests.support.api_server import ApiServer


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.cluster)])
def api(request: pytest.FixtureRequest) -> Api:
    """An API server with a namespace of the test's own."""
    if request.param == "fake":
        server = ApiServer("team-a")
        return Api(server.client(), "team-a", server)
    return Api(request.getfixturevalue("kube"), request.getfixturevalue("namespace"))


@pytest.fixture
def server() -> ApiServer:
    """The fake alone."""
    return ApiServer("team-a")
