"""Ways from this machine to a Service in the cluster."""

import contextlib
from collections.abc import Iterator

import pytest

from dev.cluster.errors import CommandError
from dev.demo import port_forward
from dev.demo.fixtures import Tools


@contextlib.contextmanager
def opened(tools: Tools, namespace: str, *services: str) -> Iterator[list[str]]:
    """Yield an address for each Service: its own, or a forwarded port where that is out of reach.

    A forwarded port leads to one pod, and to another one when that ends.
    """
    health = dict.fromkeys(services, "/healthz")
    with contextlib.ExitStack() as stack:
        try:
            addresses = stack.enter_context(port_forward.reached(tools, namespace, health))
        except CommandError as error:
            pytest.fail(str(error), pytrace=False)
        yield addresses
