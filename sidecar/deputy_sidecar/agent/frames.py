"""The agent's bytes, split into lines."""

#: Longest line that is taken; a longer one is passed over as a whole.
MAX_LINE = 8 * 1024 * 1024

#: Most bytes that an agent may write in its life.
MAX_OUTPUT = 512 * 1024 * 1024


class LineSplitter:
    """Splits bytes into lines; how they were cut into pieces before makes no difference."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._skips = False

    def split(self, data: bytes) -> list[bytes]:
        """Return the lines that are complete now, without their ends."""
        *parts, rest = data.split(b"\n")
        lines: list[bytes] = []
        for part in parts:
            self._add(part)
            if not self._skips:
                lines.append(bytes(self._rest))
            self._rest, self._skips = bytearray(), False
        self._add(rest)
        return lines

    def rest(self) -> bytes | None:
        """Return the last line, which has no end because its writer has ended; None for none."""
        rest = bytes(self._rest) if self._rest and not self._skips else None
        self._rest, self._skips = bytearray(), False
        return rest

    def _add(self, part: bytes) -> None:
        if self._skips or len(self._rest) + len(part) > MAX_LINE:
            self._rest, self._skips = bytearray(), True
        else:
            self._rest += part
