"""`python3 -m dev.bench [webhook] [start] [prompt] [stop] [idle] [--json FILE] [--quick]`."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from deputy.kube.errors import KubeError
from dev.bench import idle, prompt, report, start, stop, webhook
from dev.bench.environment import Environment, environment
from dev.bench.figures import Group
from dev.bench.sizes import FULL, QUICK, Sizes
from dev.bench.system import system_info
from dev.cluster.commands import say
from dev.cluster.errors import CommandError
from dev.demo import fixtures

#: In the order in which they are done: the load comes first, on an empty API server.
MEASURES: dict[str, Callable[[Environment, Sizes], Awaitable[Group]]] = {
    "webhook": webhook.measure,
    "start": start.measure,
    "prompt": prompt.measure,
    "stop": stop.measure,
    "idle": idle.measure,
}


def main() -> int:
    """Measure what the command line names, or everything; an error is one message."""
    parser = argparse.ArgumentParser(prog="python3 -m dev.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--quick", action="store_true", help="only see that it works")
    given = parser.parse_args()
    if unknown := set(given.names) - set(MEASURES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there is {', '.join(MEASURES)}")
    try:
        names = [name for name in MEASURES if name in given.names or not given.names]
        done = _bench(names, QUICK if given.quick else FULL, given.json)
    except (CommandError, KubeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0 if done else 1


def _bench(names: list[str], sizes: Sizes, file: Path | None) -> bool:
    """Measure and report; return whether everything could be measured."""
    began = time.monotonic()
    system = system_info(fixtures.Tools(fixtures.kubeconfig()))
    groups = asyncio.run(_measure(names, sizes))
    say(f"\nMeasured in {time.monotonic() - began:.0f} s.\n")
    say("\n".join(f"- {name}: {value}" for name, value in system.items()))
    say(f"\n{report.as_table(groups)}\n\nThe bare client, and what else to know:\n")
    say(report.as_notes(groups))
    if sizes is QUICK:
        say("\nThis was only to see that it works: the figures mean nothing.")
    if file is not None:
        file.write_text(json.dumps(report.as_json(system, groups), indent=2) + "\n")
    return len(groups) == len(names)


async def _measure(names: list[str], sizes: Sizes) -> list[Group]:
    groups = []
    async with environment() as env:
        for name in names:
            try:
                groups.append(await MEASURES[name](env, sizes))
            except (CommandError, KubeError) as error:
                print(f"error: {name} was not measured: {error}", file=sys.stderr)
            # What one measurement leaves behind must not weigh on the next.
            await env.clear()
    return groups


if __name__ == "__main__":
    sys.exit(main())
