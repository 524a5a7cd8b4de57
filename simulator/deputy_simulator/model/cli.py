"""`deputy-simulate model`: run the scripted model as a process of its own."""

import argparse
import json
import logging
import os
import pathlib
import sys

from aiohttp import web

from deputy_simulator.model.app import make_app
from deputy_simulator.model.scenarios import follow_up, names
from deputy_simulator.model.script import Scenario, parse

_LOG = logging.getLogger(__name__)


def run(argv: list[str]) -> int:
    """Serve until the process is options to end; return its exit status."""
    options = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        scenarios = _scenarios(options.script)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"deputy-simulate model: {error}\n")
        return 2
    _LOG.info("scripted model listens on %s:%d", options.host, options.port)
    web.run_app(
        make_app(scenarios),
        host=options.host,
        port=options.port,
        print=None,
        access_log=None,
        shutdown_timeout=2,
        handler_cancellation=True,
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deputy-simulate model",
        description="A language model that follows a script, for Gemini CLI, Claude Code, Codex "
        "and whatever else speaks their dialects.",
        epilog=f"A line [[script: <name>]] in a prompt chooses one of: {', '.join(names())}.",
    )
    place = os.environ.get
    parser.add_argument("--host", default=place("SIMULATOR_MODEL_HOST", "0.0.0.0"))
    parser.add_argument("--port", type=int, default=place("SIMULATOR_MODEL_PORT", "8080"))
    parser.add_argument(
        "--script",
        default=place("SIMULATOR_MODEL_SCRIPT"),
        help="JSON file with scenarios of your own [SIMULATOR_MODEL_SCRIPT]",
    )
    return parser


def _scenarios(path: str | None) -> dict[str, Scenario]:
    """Return the scenarios of a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no script.
    """
    if not path:
        return {}
    try:
        given = json.loads(pathlib.Path(path).read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    return parse(given, follow_up())
