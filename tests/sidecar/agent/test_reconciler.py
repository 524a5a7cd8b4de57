"""What the conversation wants of the agent's process is ordered once, and again after a restart."""

import pytest
from typing_extensions import override

from deputy_sidecar.agent.link import AgentLink
from deputy_sidecar.agent.process import AgentProcess
from deputy_sidecar.agent.reconciler import ProcessReconciler
from deputy_sidecar.agent.shim import LineFed, RunExited, RunStarted, ShimReady, ShimState


class FakeLink(AgentLink):
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.orders: list[tuple[object, ...]] = []

    @override
    def start(self, run: int, prompt: str, *, has_input: bool) -> None:
        self.orders.append(("start", run, prompt, has_input))

    @override
    def send(self, run: int, number: int, text: str) -> None:
        self.orders.append(("send", run, number, text))

    @override
    def signal(self, name: str) -> None:
        self.orders.append(("signal", name))

    @override
    def end(self, code: int) -> None:
        self.orders.append(("end", code))


class Setup:
    """A process that is wanted, a shim that is there, and what was ordered of it."""

    def __init__(self) -> None:
        self.process = AgentProcess()
        self.shim = ShimState()
        self.restart()

    def restart(self) -> None:
        """Begin another life of the sidecar, which knows nothing of what was ordered before."""
        self.link = FakeLink()
        self.reconciler = ProcessReconciler(self.process, self.shim, self.link)

    def reconcile(self) -> list[tuple[object, ...]]:
        """Return what is ordered now."""
        self.link.orders.clear()
        self.reconciler.reconcile()
        return list(self.link.orders)

    def say_ready(self) -> None:
        self.shim.observe(ShimReady())

    def want(self) -> None:
        self.process.start("task", has_input=True)

    def started(self) -> "Setup":
        self.say_ready()
        self.reconciler.allow_start()
        self.want()
        self.reconcile()
        self.shim.observe(RunStarted(1, "agent"))
        self.process.started(1, "agent")
        return self


@pytest.mark.parametrize("last", ["shim", "start", "want"])
def test_a_run_waits_for_the_shim_and_for_where_it_begins(last: str) -> None:
    setup = Setup()
    steps = {
        "shim": setup.say_ready,
        "start": setup.reconciler.allow_start,
        "want": setup.want,
    }
    for name, step in steps.items():
        if name != last:
            step()
    assert setup.reconcile() == []

    steps[last]()

    assert setup.reconcile() == [("start", 1, "task", True)]
    assert setup.reconcile() == []


def test_a_line_goes_to_the_run_that_it_is_for_and_only_once() -> None:
    setup = Setup().started()
    setup.process.send("one")

    assert setup.reconcile() == [("send", 1, 1, "one")]
    assert setup.reconcile() == []
    setup.process.start("again", has_input=True)
    setup.process.send("two")
    assert [order[0] for order in setup.reconcile()] == ["start", "signal"]


def test_after_a_restart_what_was_not_fed_is_sent_again() -> None:
    setup = Setup().started()
    for text in ("one", "two"):
        setup.process.send(text)
    setup.reconcile()
    setup.shim.observe(LineFed(1))

    setup.restart()

    assert setup.reconcile() == [("send", 1, 2, "two")]


def test_only_a_process_that_runs_is_signalled() -> None:
    setup = Setup().started()
    setup.process.kill("TERM")
    assert setup.reconcile() == [("signal", "TERM")]

    setup.shim.observe(RunExited(1, 143))
    setup.process.kill("KILL")

    assert setup.reconcile() == []


def test_the_container_is_let_go_once() -> None:
    setup = Setup()

    setup.reconciler.end(3)
    setup.reconciler.end(3)

    assert setup.link.orders == [("end", 3)]
