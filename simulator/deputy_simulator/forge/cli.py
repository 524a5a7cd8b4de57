"""`deputy-simulate forge`: run the simulator as a process of its own.

Every flag has a variable: `--seed-repo` is `SIMULATOR_FORGE_SEED_REPO`.
"""

import argparse
import contextlib
import logging
import os
import pathlib
import shutil
import sys
import tempfile

from aiohttp import web

from deputy_simulator.forge.app import make_app
from deputy_simulator.forge.settings import Grant, Settings

_LOG = logging.getLogger(__name__)


def run(argv: list[str]) -> int:
    """Serve until the process is options to end; return its exit status."""
    options = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if shutil.which("git") is None:
        return _refuse("git is not installed, and the forge serves real git; install it")
    with contextlib.ExitStack() as kept:
        folder = options.data or kept.enter_context(tempfile.TemporaryDirectory(prefix="forge-"))
        try:
            app = make_app(_settings(options, pathlib.Path(folder)))
        except (OSError, ValueError) as error:
            return _refuse(str(error))
        _LOG.info("simulated forge listens on %s:%d", options.host, options.port)
        web.run_app(
            app,
            host=options.host,
            port=options.port,
            print=None,
            access_log=None,
            shutdown_timeout=2,
        )
    return 0


def _refuse(why: str) -> int:
    sys.stderr.write(f"deputy-simulate forge: {why}\n")
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deputy-simulate forge",
        description="GitHub for trying things out: git over HTTP, pull requests, pages at /.",
    )
    _add(parser, "--host", "0.0.0.0", "address to listen on")
    _add(parser, "--port", "8080", "port to listen on", kind=int)
    _add(parser, "--token", None, "the token that may push and open pull requests")
    _add(parser, "--token-file", None, "file with that token")
    _add(parser, "--login", "deputy[bot]", "whose token it is")
    _add(parser, "--seed-repo", "", "repositories to begin with, owner/name, comma separated")
    _add(parser, "--data", None, "folder that keeps everything; a temporary one otherwise")
    _add(parser, "--site-url", "", "what links for people begin with")
    parser.add_argument(
        "--private",
        action="store_true",
        default=os.environ.get("SIMULATOR_FORGE_PRIVATE", "") in {"1", "true"},
        help="ask for a token for reading too [SIMULATOR_FORGE_PRIVATE]",
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
    variable = "SIMULATOR_FORGE_" + flag.strip("-").replace("-", "_").upper()
    value = os.environ.get(variable) or default
    parser.add_argument(flag, default=value, type=kind, help=f"{explanation} [{variable}]")


def _settings(options: argparse.Namespace, folder: pathlib.Path) -> Settings:
    """Return the settings.

    Raises:
        OSError: a file cannot be read, a folder cannot be made.
        ValueError: a repository's name is none, or there is no token.
    """
    folder.mkdir(parents=True, exist_ok=True)
    seeds = tuple(name.strip() for name in options.seed_repo.split(",") if name.strip())
    wrong = [name for name in seeds if name.count("/") != 1 or not all(name.split("/"))]
    if wrong:
        raise ValueError(f"--seed-repo {wrong[0]!r} is not of the form owner/name")
    token = options.token
    if options.token_file:
        token = pathlib.Path(options.token_file).read_text("utf-8").strip()
    if not token:
        raise ValueError("no token; give --token-file or SIMULATOR_FORGE_TOKEN")
    return Settings(
        data=folder,
        grants=(Grant(token, options.login),),
        seed_repositories=seeds,
        private=options.private,
        site_url=options.site_url.rstrip("/"),
    )
