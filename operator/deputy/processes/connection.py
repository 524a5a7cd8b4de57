"""How a process reaches the API server: as a pod does, or by a kubeconfig that it was given."""

import os

from deputy.kube.client import Connection
from deputy.kube.kubeconfig import from_kubeconfig
from deputy.settings import InvalidSetting, Settings


def connection_of(settings: Settings) -> Connection:
    """Return the connection; raise `InvalidSetting` outside of a cluster without a kubeconfig."""
    if settings.kubeconfig is not None:
        return from_kubeconfig(settings.kubeconfig)
    try:
        return Connection.in_cluster(os.environ)
    except KeyError as error:
        raise InvalidSetting(
            "DEPUTY_KUBECONFIG", "is not set, and this is no pod; name a kubeconfig"
        ) from error
