"""The command `deputy-simulate`: each of its words is one simulator, and one process."""

import argparse
import sys
from collections.abc import Sequence

_SIMULATORS = {
    "linear": "Linear: GraphQL, OAuth, webhooks, and a page to look at",
    "forge": "GitHub: git over HTTP, pull requests, and a page to look at",
    "model": "a language model that follows a script",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulator that the first argument names; return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # The simulator reads the rest: its own flags, `--help` among them.
    name = _parser().parse_args(given[:1]).simulator
    return _run(name, given[1:])


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {name:8}{text}" for name, text in _SIMULATORS.items())
    parser = argparse.ArgumentParser(
        prog="deputy-simulate",
        usage="%(prog)s {linear,forge,model} [flags]",
        description="Try Deputy without an account. It simulates:\n\n" + listed,
        epilog="`deputy-simulate linear --help` lists the flags of that simulator.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("simulator", choices=_SIMULATORS, help="which one to run")
    return parser


def _run(name: str, arguments: list[str]) -> int:
    """Import what was chosen and nothing else: each process stays as small as it can be."""
    match name:
        case "linear":
            from deputy_simulator.linear.cli import run as linear  # noqa: PLC0415  see above

            return linear(arguments)
        case "forge":
            from deputy_simulator.forge.cli import run as forge  # noqa: PLC0415  see above

            return forge(arguments)
        case _:
            from deputy_simulator.model.cli import run as model  # noqa: PLC0415  see above

            return model(arguments)


if __name__ == "__main__":
    sys.exit(main())
