"""How far something is, and how long it usually takes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dev.cluster import build, commands, durations
from dev.cluster.errors import CommandError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_what_was_never_done_takes_what_it_took_elsewhere() -> None:
    assert durations.read("build x", 90) == 90


def test_the_last_duration_on_this_machine_is_what_is_expected() -> None:
    durations.write("build x", 33.33)

    assert durations.read("build x", 90) == 33.3


def test_what_is_quick_is_not_worth_a_word() -> None:
    durations.write("load x", 1.0)

    assert durations.read("load x", 2.0) is None
    assert durations.read("load x") is None


def test_a_torn_file_of_durations_is_as_none(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "deputy" / "durations.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"build x": ')

    assert durations.read("build x", 90) == 90


@pytest.mark.parametrize(("seconds", "spoken"), [(7.4, "7 s"), (99, "99 s"), (200, "3 min")])
def test_durations_are_said_as_a_person_says_them(seconds: float, spoken: str) -> None:
    assert durations.spoken(seconds) == spoken


def test_a_step_says_how_long_it_usually_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with commands.step("Build it", key="build x", usual=200) as building:
        assert building.elapsed() == "   0 s of about 3 min"

    assert capsys.readouterr().out == ("==> Build it (usually 3 min)\n    done in 0.0 s\n")


def test_a_build_says_how_many_packages_are_compiled() -> None:
    output = "go: downloading k8s.io/api v0.36.3\nunsafe\ninternal/cpu\n"

    assert build.packages_compiled(output, 2745) == "2 of at most 2,745 packages compiled"
    assert build.packages_compiled(output, 2) == "2 of at most 2 packages compiled, linking"


def test_a_program_that_reads_a_file_is_as_far_as_it_has_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "PROGRESS_SECONDS", 0.2)
    archive = tmp_path / "archive"
    archive.write_bytes(b"\0" * 4 * 2**20)
    program = "import os, time; os.read(0, 2**20); time.sleep(1)"

    commands.run_long([sys.executable, "-c", program], file_in=archive)

    assert " 1 of 4 MiB" in capsys.readouterr().out


def test_what_a_program_writes_goes_where_it_is_told_to(tmp_path: Path) -> None:
    commands.run_long(["echo", "archive"], file_out=tmp_path / "out")

    assert (tmp_path / "out").read_text() == "archive\n"


def test_a_program_that_fails_is_named_with_its_last_words() -> None:
    with pytest.raises(CommandError, match=r"(?s)`sh -c .*` ended with status 3:.*no luck"):
        commands.run_long(["sh", "-c", "echo no luck >&2; exit 3"])


def test_the_help_of_make_has_no_stray_letters_where_sed_knows_no_tabs() -> None:
    done = subprocess.run(["make", "help"], capture_output=True, text=True, check=True)

    assert "check           format, lint, types" in done.stdout
