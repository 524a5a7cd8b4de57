"""How a process reaches what is outside of the cluster: by which proxy, and whom it trusts."""

import ssl

import httpx

from deputy.settings import InvalidSetting, Settings


def http_client(settings: Settings, seconds: float) -> httpx.AsyncClient:
    """Return a client for Linear and the forge; raise `InvalidSetting` where the CA is none.

    It honours HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
    """
    return httpx.AsyncClient(timeout=httpx.Timeout(seconds), verify=_trust(settings))


def _trust(settings: Settings) -> ssl.SSLContext:
    """Return what is trusted: the public authorities, and those of `extra_ca` beside them."""
    context = httpx.create_ssl_context()
    if settings.extra_ca is not None:
        try:
            context.load_verify_locations(cafile=settings.extra_ca)
        except (OSError, ssl.SSLError) as error:
            raise InvalidSetting(
                "DEPUTY_EXTRA_CA",
                f"names {settings.extra_ca}, which holds no certificates ({error}); correct "
                "extraCA of the chart's values, or the ConfigMap",
            ) from error
    return context
