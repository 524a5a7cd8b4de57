"""The images are built while the cluster starts, and loaded when both are done."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from dev import prepare

if TYPE_CHECKING:
    from tests.dev.conftest import Machine


def test_a_cluster_with_images_is_the_outcome(machine: Machine) -> None:
    done = machine.run("dev.prepare", "agent-shell")

    assert (done.returncode, done.stderr) == (0, "")
    assert (machine.checkout / ".cluster" / "cluster-id").exists()
    assert (machine.checkout / ".cluster" / "images" / "agent-shell").exists()


def test_the_images_do_not_wait_for_the_cluster(machine: Machine) -> None:
    machine.tell("create-sleeps", "4")

    machine.run("dev.prepare", "agent-shell")

    words = [call["words"] for call in machine.all_calls()]
    saved = next(number for number, each in enumerate(words) if each[0] == "save")
    created = next(number for number, each in enumerate(words) if "wait" in each)
    assert saved < created


def test_a_build_that_fails_is_told_with_its_last_words(machine: Machine) -> None:
    machine.tell("build-says", "no space left on device")

    done = machine.run("dev.prepare", "agent-shell")

    assert done.returncode == 1
    assert "no space left on device" in done.stderr


def test_a_cluster_that_fails_ends_the_build(machine: Machine) -> None:
    done = machine.run("dev.prepare", "agent-shell", DEPUTY_KIND_CONFIG="/nowhere.yaml")

    assert done.returncode == 1
    assert "DEPUTY_KIND_CONFIG names /nowhere.yaml" in done.stderr


def test_an_interruption_is_cleaned_up_before_it_ends(machine: Machine) -> None:
    machine.tell("create-sleeps", "30")
    child = machine.start("dev.prepare", "agent-shell")
    deadline = time.monotonic() + 30
    while not list(machine.state.glob("node-*")) and time.monotonic() < deadline:
        time.sleep(0.02)

    os.killpg(child.pid, signal.SIGINT)

    output, _ = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "removing the node, which is only half made" in output
    assert list(machine.state.glob("node-*")) == []


def test_progress_says_which_image_and_how_far() -> None:
    lines = ["==> Build image operator, 1 of 4\n", "    8 s  Step 3/9\n"]

    assert prepare._progress(lines) == "Build image operator, 1 of 4: 8 s  Step 3/9"
    assert prepare._progress(lines[:1]) == "Build image operator, 1 of 4"
    assert not prepare._progress([])
