"""`python3 -m dev.testtools`: have the programs that tests start, beside those of the cluster."""

from __future__ import annotations

import sys

from dev.cluster import packages
from dev.cluster.errors import CommandError


def main() -> int:
    """Install what is missing, or name the one command that does."""
    try:
        packages.ensure(packages.FOR_TESTS)
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
