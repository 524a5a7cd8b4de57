"""`python3 -m dev.demo up | down`: delegate an issue to a real agent, without any account."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from typing import TYPE_CHECKING

from dev.cluster.commands import say, step
from dev.cluster.errors import CommandError
from dev.demo import diagnostics, fixtures, follow, setup, summary
from dev.demo.screen import Line, Screen

if TYPE_CHECKING:
    from dev.demo.simulators import Simulators

_ISSUE = {
    "title": "A ten percent discount makes the basket free",
    "description": "`total([1000], discount_percent=10)` returns 0, it should return 900. "
    "Fix it and add a test.",
    "labels": ["bug"],
    "priority": 2,
    "delegate": True,
}


def main() -> int:
    """Do what the command line asks for; an error is one message and status 1."""
    parser = argparse.ArgumentParser(prog="python3 -m dev.demo", description=__doc__)
    parser.add_argument("what", choices=["up", "down"])
    parser.add_argument("--namespace", default="deputy-demo", help="where all of it lives")
    asked = parser.parse_args()
    try:
        return up(asked.namespace) if asked.what == "up" else down(asked.namespace)
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was started goes on, `make demo-down` removes it", file=sys.stderr)
        return 130


def up(namespace: str) -> int:
    """Set everything up, delegate an issue, show what happens; leave everything running."""
    began, screen = time.monotonic(), Screen()
    tools = fixtures.Tools(fixtures.kubeconfig())
    before: frozenset[str] | None = None
    try:
        simulators = setup.prepare(tools, namespace)
        before = follow.runs(tools, namespace)
        summary.show(simulators, _play(simulators, before, screen), setup.REPOSITORY, screen)
    except CommandError:
        with contextlib.suppress(CommandError):
            run = None if before is None else follow.newest_run(tools, namespace, before)
            diagnostics.show(tools, namespace, run, screen)
        raise
    screen.say()
    screen.say(f"The demo took {time.monotonic() - began:.0f} s; everything goes on running.")
    return 0


def down(namespace: str) -> int:
    """Remove what the demo left running; what is not there is fine."""
    try:
        tools = fixtures.Tools(fixtures.kubeconfig())
    except CommandError:
        say("There is no cluster, so there is nothing to remove.")
        return 0
    with step(f"Remove Deputy and namespace {namespace}"):
        setup.remove(tools, namespace)
    say("The cluster stays, with the CustomResourceDefinitions; `make cluster-down` ends it.")
    return 0


def _play(simulators: Simulators, before: frozenset[str], screen: Screen) -> follow.End:
    """Delegate an issue and show what comes of it; raise `CommandError` unless it went well."""
    say("==> Delegate an issue, and watch")
    with follow.Watch(simulators.tools, simulators.namespace, before) as watch:
        screen.start()
        issue = simulators.post("linear", "/control/issues", _ISSUE)
        text = f"{issue['identifier']} «{issue['title']}» to deputy"
        screen.show(Line("person", "delegate", text, "magenta"))
        end = follow.follow(simulators, watch, screen, issue["identifier"])
    if end.phase != "Succeeded" or not end.pull_request:
        raise CommandError(
            f"The run ended as {end.phase or 'nothing at all'}, without a pull request."
        )
    return end


if __name__ == "__main__":
    sys.exit(main())
