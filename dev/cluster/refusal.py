"""The one error that a person sees instead of a traceback."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - it is the answer to a request, not a fault of the program
    """What is missing and the way out, in one sentence."""
