"""The command `deputy`: each of its words is one process, or one tool."""

import argparse
import os
import pathlib
import sys
from collections.abc import Sequence

from deputy.settings import InvalidSetting, OperatorSettings, WebhookSettings

_SIMULATORS = ("linear", "forge", "model")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments name; return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["simulate"] and len(given) > 1 and given[1] in _SIMULATORS:
        # The simulator reads its own flags, `--help` among them.
        return _simulate(given[1], given[2:])
    chosen = _parser().parse_args(given)
    try:
        return _run(chosen)
    except InvalidSetting as error:
        print(f"deputy {chosen.command}: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deputy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("operator", help="run the controller and the relay")
    commands.add_parser("webhook", help="receive the tracker's webhooks")
    simulate = commands.add_parser("simulate", help="play a tracker, a forge or a model")
    simulate.add_argument("what", choices=_SIMULATORS)
    crds = commands.add_parser("crds", help="write the CustomResourceDefinitions")
    crds.add_argument("folder", nargs="*", type=pathlib.Path, default=[pathlib.Path("crds")])
    return parser


def _run(chosen: argparse.Namespace) -> int:
    """Import what was chosen and nothing else: each process stays as small as it can be."""
    match chosen.command:
        case "operator":
            from deputy.processes.operator import run as operate  # noqa: PLC0415  see above

            return operate(OperatorSettings.from_environment(os.environ))
        case "webhook":
            from deputy.processes.webhook import run as receive  # noqa: PLC0415  see above

            return receive(WebhookSettings.from_environment(os.environ))
        case _:
            from deputy.api import crd  # noqa: PLC0415  see above

            crd.write(*chosen.folder)
            return 0


def _simulate(what: str, arguments: list[str]) -> int:
    match what:
        case "linear":
            from deputy.simulator.linear.cli import run as linear  # noqa: PLC0415  see `_run`

            return linear(arguments)
        case "forge":
            from deputy.simulator.forge.cli import run as forge  # noqa: PLC0415  see `_run`

            return forge(arguments)
        case _:
            from deputy.simulator.model.cli import run as model  # noqa: PLC0415  see `_run`

            return model(arguments)


if __name__ == "__main__":
    sys.exit(main())
