"""`deputy-simulate linear`: run the simulator as a process of its own.

Every flag has a variable: `--webhook-url` is `SIMULATOR_WEBHOOK_URL`.
"""

from __future__ import annotations

import argparse
import logging
import os
import pathlib
import sys

from aiohttp import web

from deputy_simulator.linear.app import make_app
from deputy_simulator.linear.settings import RESOURCE_TYPES, RETRY_DELAYS, Settings

_LOG = logging.getLogger(__name__)

_DEFAULTS = Settings()


def run(argv: list[str]) -> int:
    """Serve until the process is options to end; return its exit status."""
    options = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings = _settings(options)
        app = make_app(settings)
    except (OSError, ValueError) as wrong:
        sys.stderr.write(f"deputy-simulate linear: {wrong}\n")
        return 2
    _LOG.info("simulated Linear listens on %s:%d", options.host, options.port)
    _LOG.info("webhooks go to %s", settings.webhook_url or "nowhere; give --webhook-url")
    web.run_app(
        app, host=options.host, port=options.port, print=None, access_log=None, shutdown_timeout=2
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deputy-simulate linear",
        description="Linear for trying things out: GraphQL, OAuth, webhooks, and a page at /.",
    )
    _add(parser, "--host", "0.0.0.0", "address to listen on")
    _add(parser, "--port", "8080", "port to listen on", kind=int)
    _add(parser, "--webhook-url", None, "where webhooks go")
    _add(parser, "--webhook-secret", None, "secret that signs webhooks")
    _add(parser, "--webhook-secret-file", None, "file with that secret")
    _add(parser, "--client-id", _DEFAULTS.client_id, "id of the OAuth application")
    _add(parser, "--client-secret", None, "its secret")
    _add(parser, "--client-secret-file", None, "file with its secret")
    _add(parser, "--access-token", None, "a token of the application that never expires")
    _add(parser, "--redirect-uris", "", "addresses that consent may lead to, comma separated")
    _add(parser, "--app-name", "deputy", "name of the application's user")
    _add(parser, "--resource-types", ",".join(RESOURCE_TYPES), "what webhooks tell of")
    _add(parser, "--retry-delays", _written(RETRY_DELAYS), "seconds before each repeat")
    _add(parser, "--requests-per-hour", "5000", "limit of requests", kind=int)
    _add(parser, "--complexity-per-hour", "2000000", "limit of complexity points", kind=int)
    _add(parser, "--site-url", "https://linear.app", "what addresses of issues begin with")
    _add(parser, "--seed", None, "JSON file with the issues to begin with")
    parser.add_argument(
        "--auto-approve",
        action="store_true",
        default=os.environ.get("SIMULATOR_AUTO_APPROVE", "") in {"1", "true"},
        help="consent without asking",
    )
    return parser


def _add(
    parser: argparse.ArgumentParser,
    flag: str,
    default: str | None,
    explanation: str,
    *,
    kind: type = str,
) -> None:
    variable = "SIMULATOR_" + flag.strip("-").replace("-", "_").upper()
    value = os.environ.get(variable, default)
    # argparse converts a default only where it is text, which every variable is.
    parser.add_argument(flag, default=value, type=kind, help=f"{explanation} [{variable}]")


def _settings(options: argparse.Namespace) -> Settings:
    """Return the settings.

    Raises:
        OSError: a file cannot be read.
        ValueError: a number is none.
    """
    return Settings(
        webhook_url=options.webhook_url,
        webhook_secret=_secret(options, "webhook_secret", _DEFAULTS.webhook_secret),
        client_id=options.client_id,
        client_secret=_secret(options, "client_secret", _DEFAULTS.client_secret),
        access_token=options.access_token,
        redirect_uris=_listed(options.redirect_uris),
        auto_approve=options.auto_approve,
        app_name=options.app_name,
        resource_types=_listed(options.resource_types),
        retry_delays=tuple(float(text) for text in _listed(options.retry_delays)),
        requests_per_hour=options.requests_per_hour,
        complexity_per_hour=options.complexity_per_hour,
        site_url=options.site_url.rstrip("/"),
        seed=pathlib.Path(options.seed).read_text("utf-8") if options.seed else "",
    )


def _secret(options: argparse.Namespace, name: str, default: str) -> str:
    path = getattr(options, f"{name}_file")
    if path:
        return pathlib.Path(path).read_text("utf-8").splitlines()[0].strip()
    return str(getattr(options, name) or default)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _written(delays: tuple[float, ...]) -> str:
    return ",".join(f"{delay:g}" for delay in delays)
