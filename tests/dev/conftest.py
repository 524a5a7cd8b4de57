"""A machine on which nothing is real: programs that answer as theirs would, and a checkout."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FAKE = Path(__file__).parent / "support" / "fake_program.py"
TOOLS = ("docker", "kind", "kubectl", "helm")
IGNORED = shutil.ignore_patterns("__pycache__", "node_modules")


@dataclasses.dataclass(frozen=True)
class Machine:
    """A checkout of its own, and a PATH with nothing but what a test has put there."""

    folder: Path

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder / 'bin'}:{self.folder / 'system'}",
            "HOME": str(self.folder / "home"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "TMPDIR": str(self.folder),
            "FAKE_STATE": str(self.state),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(self.checkout),
        }

    def has(self, *programs: str) -> None:
        """Put fake programs on the PATH."""
        for program in programs:
            path = self.folder / "bin" / program
            path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" {program} "$@"\n')
            path.chmod(0o755)

    def tell(self, name: str, text: str = "1") -> None:
        """Have the fake programs do something different."""
        (self.state / name).write_text(text)

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a module of dev, as make does."""
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.checkout,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a module of dev in a process group of its own, as a terminal does."""
        return subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=self.checkout,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def calls(self, program: str) -> list[list[str]]:
        """Return the words of every call of a program, in order."""
        return [call["words"] for call in self.all_calls() if call["program"] == program]

    def all_calls(self) -> list[dict[str, Any]]:
        """Return every call of a fake program."""
        file = self.state / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with Docker, kind, kubectl and Helm, and without Go."""
    made = Machine(tmp_path)
    for name in ("bin", "state", "home", "system"):
        (tmp_path / name).mkdir()
    for program in ("sh", "git"):
        if path := shutil.which(program):
            (tmp_path / "system" / program).symlink_to(path)
    made.checkout.mkdir()
    shutil.copytree(PROJECT / "dev", made.checkout / "dev", ignore=IGNORED)
    made.has(*TOOLS)
    return made
