"""Print what happens, a line for each thing, for a person or for a file."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
import textwrap
import time

#: The colours of a terminal.
_CODES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}
#: A space at which no row ends.
UNBREAKABLE = "\u00a0"

_MARGIN = 29
_NARROWEST = 40


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """Something that happened."""

    who: str
    what: str
    text: str
    colour: str = ""


def clock(seconds: float) -> str:
    """Return a time since the beginning: 1:02.5."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02}.{tenths % 10}"


def rows(line: Line, seconds: float, width: int) -> list[str]:
    """Return `line` as rows of at most `width` characters; its own line breaks stay."""
    head = f"{clock(seconds):>7}  {line.who:<8}  {line.what:<9} "[:_MARGIN]
    room = max(width - _MARGIN, _NARROWEST)
    parts = [
        piece
        for paragraph in line.text.strip().splitlines() or [""]
        for piece in textwrap.wrap(paragraph, room, replace_whitespace=False) or [""]
    ]
    heads = [head, *[""] * (len(parts) - 1)]
    return [
        f"{start:<{_MARGIN}}{part}".replace(UNBREAKABLE, " ").rstrip()
        for start, part in zip(heads, parts, strict=True)
    ]


class Screen:
    """Standard output, with the time since `start`."""

    def __init__(self) -> None:
        self._colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._width = shutil.get_terminal_size((100, 24)).columns
        self._began = time.monotonic()

    def start(self) -> None:
        """Count the time from now on."""
        self._began = time.monotonic()

    def show(self, line: Line) -> None:
        """Print something that happened, now."""
        for row in rows(line, time.monotonic() - self._began, self._width):
            print(self.paint(row, line.colour), flush=True)

    def say(self, text: str = "", colour: str = "") -> None:
        """Print text as it is."""
        print(self.paint(text, colour), flush=True)

    def paint(self, text: str, colour: str) -> str:
        """Return `text` in a colour, where there are colours."""
        if not colour or not self._colours:
            return text
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"

    def diff(self, text: str) -> None:
        """Print a diff."""
        for row in text.splitlines():
            self.say(f"    {row}", _colour_of(row))


def _colour_of(row: str) -> str:
    if row.startswith(("+++", "---", "diff ", "index ")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(row[:1], "")
