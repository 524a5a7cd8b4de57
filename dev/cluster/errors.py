"""The one error of the commands in dev: a person sees its message instead of a traceback."""

from __future__ import annotations


class CommandError(Exception):
    """What is missing and the way out, in one sentence."""
