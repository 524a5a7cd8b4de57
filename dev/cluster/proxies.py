"""Proxies that the environment names: what goes past them, and what a build is told of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
#: Clusters on this machine: loopback, and the range of the local one.
_OURS = ("localhost", "127.0.0.1", "198.18.0.0/15")


def configured(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables about proxies, as they are spelled, where one is set."""
    names = {name for proxy in (*_PROXIES, "NO_PROXY") for name in (proxy, proxy.lower())}
    values = {name: environment[name] for name in sorted(names) if environment.get(name)}
    return values if any(name.upper() in _PROXIES for name in values) else {}


def bypassed(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables with which clusters on this machine are reached without a proxy."""
    if not configured(environment):
        return {}
    spared = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    listed = ",".join([*filter(None, spared.split(",")), *_OURS])
    return {"NO_PROXY": listed, "no_proxy": listed}


def are_on_this_machine(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a proxy is only reached from this machine itself, as in 127.0.0.1:3128."""
    addresses = configured(environment).items()
    return any(
        mark in value
        for name, value in addresses
        if name.upper() in _PROXIES
        for mark in ("//localhost", "//127.", "//[::1]")
    )
