"""What a path on the API server is about."""

import pytest

from deputy.kube import resources


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        (resources.pods("agents"), "pods"),
        (resources.pods("agents", "linear-a-1-1"), "pods"),
        (resources.agentruns("agents", "linear-a-1") + "/status", "agentruns/status"),
        (resources.leases("deputy", "deputy-operator"), "leases"),
        (resources.TOKEN_REVIEWS, "tokenreviews"),
    ],
)
def test_a_path_tells_its_resource_and_no_name(path: str, resource: str) -> None:
    assert resources.resource_of(path) == resource
