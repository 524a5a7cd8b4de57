"""The one error that a person sees instead of a traceback."""

from __future__ import annotations


class Refusal(Exception):
    """What is missing and the way out, in one sentence."""
