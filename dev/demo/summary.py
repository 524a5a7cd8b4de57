"""What a person is shown at the end: the pull request, where to look, what to try next."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from dev.cluster import kubectl

if TYPE_CHECKING:
    from dev.demo.follow import End
    from dev.demo.screen import Screen
    from dev.demo.simulators import Simulators

_SLOW = "[[script: slow]]"


def show(simulators: Simulators, end: End, repository: str, screen: Screen) -> None:
    """Print all of it."""
    _pull_request(simulators, end, repository, screen)
    _where(simulators, end, screen)
    _next(simulators, end, screen)


def _pull_request(simulators: Simulators, end: End, repository: str, screen: Screen) -> None:
    number = end.pull_request["number"]
    page = f"/{repository}/pull/{number}"
    repository_state = simulators.get("forge", f"/control/repos/{repository}")
    pull = next(one for one in repository_state["pulls"] if one["number"] == number)
    screen.say()
    screen.say(f"Pull request #{number}: {pull['title']}", "bold")
    screen.say(
        f"    {pull['head']} → {pull['base']}, by {pull['author']}, verified by the operator"
    )
    screen.say()
    screen.diff(simulators.text("forge", f"{page}.diff"))


def _where(simulators: Simulators, end: End, screen: Screen) -> None:
    screen.say()
    screen.say("Look at it", "bold")
    screen.say(f"    {kubectl.to_use_it(simulators.tools.kubeconfig)}")
    for command in simulators.forwarding():
        screen.say(f"    {command}   # in a terminal of its own, and first of all")
    screen.say(f"    the session in Linear   {page_of(simulators, end)}")
    screen.say(f"    the pull request        {end.pull_request['url']}")
    screen.say(f"    all issues              {simulators.sites['linear']}/")
    name = end.run["metadata"]["name"] if end.run else ""
    screen.say(f"    kubectl -n {simulators.namespace} describe agentrun {name}")


def page_of(simulators: Simulators, end: End) -> str:
    """Return the address of the issue's page."""
    return f"{simulators.sites['linear']}/acme/issue/{end.issue['identifier']}"


def _next(simulators: Simulators, end: End, screen: Screen) -> None:
    control = f"{simulators.sites['linear']}/control"
    later = [f"ENG-{int(end.issue['number']) + more}" for more in range(1, 6)]
    screen.say()
    screen.say("Try next, here or with the buttons of the pages", "bold")
    screen.say("  reply in the session; a new run goes on, on the same branch:", "dim")
    told = json.dumps({"session": end.session["id"], "body": "Please note: amounts are cents."})
    screen.say(f"    curl -s -d {shlex.quote(told)} {control}/reply")
    screen.say("  delegate five more, slow ones, and watch the queue: three run at once:", "dim")
    slow = f'{{"title": "Slow work \'$n\'", "description": "{_SLOW}", "delegate": true}}'
    post = f"curl -s -o /dev/null -d '{slow}' {control}/issues"
    screen.say(f"    for n in 1 2 3 4 5; do {post}; sleep 1; done")
    screen.say(f"    kubectl -n {simulators.namespace} get agentruns -o wide -w")
    screen.say("  say something while one works, on its page:", "dim")
    screen.say(f"    {simulators.sites['linear']}/acme/issue/{later[0]}")
    screen.say(f"  stop one ({later[1]}) by taking it away from the agent:", "dim")
    screen.say(f'    curl -s -o /dev/null -d \'{{"issue": "{later[1]}"}}\' {control}/undelegate')
    screen.say(
        "  end the operator while they work; a standby takes over and nothing is lost:", "dim"
    )
    leader = "-l deputy.dev/leader=true --grace-period=0"
    screen.say(f"    kubectl -n {simulators.namespace} delete pod {leader}")
    screen.say("  remove all of this:", "dim")
    screen.say("    make demo-down")
