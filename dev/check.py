"""`python3 dev/check.py [--python]`: check in seconds all that `make demo` needs of a machine.

The demo needs nothing but Python itself. With `--python` only that is checked, and that it can
make the virtual environment which everything else is done in.

Any Python from 3.7 on can run this, because its version is one of the things that are checked.
"""

from __future__ import annotations

import importlib.util
import os
import sys

PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
NEEDED = (3, 11)
#: What is older cannot even read the rest of these checks.
READS_THE_REST = (3, 10)


def python_problems(version: tuple[int, int], *, needs_venv: bool, has_venv: bool) -> list[str]:
    """Say what this Python lacks, each with the way out."""
    shown = ".".join(map(str, version))
    if version < NEEDED:
        problem = (
            f"this Python is {shown} and 3.11 or newer is needed: on Debian and Ubuntu `sudo "
            "apt-get install -y python3.11 python3.11-venv`, on a Mac `brew install python`; "
            "then it is found by itself, or named with `make PYTHON=...`"
        )
        return [problem]
    if needs_venv and not has_venv:
        problem = (
            "this Python cannot make virtual environments: on Debian and Ubuntu "
            f"`sudo apt-get install -y python{shown}-venv`"
        )
        return [problem]
    return []


def main() -> int:
    """Name everything that is missing, at once."""
    only_python = "--python" in sys.argv
    problems = python_problems(
        (sys.version_info[0], sys.version_info[1]),
        needs_venv=only_python,
        has_venv=importlib.util.find_spec("ensurepip") is not None,
    )
    if only_python or sys.version_info < READS_THE_REST:
        sys.stderr.write("".join(f"error: {problem}\n" for problem in problems))
        return bool(problems)
    sys.path.insert(0, PROJECT)
    from dev.cluster.preflight import main as check  # noqa: PLC0415  only now it can be read

    return check(problems)


if __name__ == "__main__":
    sys.exit(main())
