"""The agent's bytes, cut into lines."""

#: Longest line that is taken; a longer one is passed over as a whole.
MAX_LINE = 8 * 1024 * 1024


class LineCutter:
    """Cuts bytes into lines; how they were cut before makes no difference."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._skips = False

    def cut(self, data: bytes) -> list[bytes]:
        """Return the lines that are complete now, without their ends."""
        *lines, rest = data.split(b"\n")
        found: list[bytes] = []
        for line in lines:
            self._add(line)
            if not self._skips:
                found.append(bytes(self._rest))
            self._rest, self._skips = bytearray(), False
        self._add(rest)
        return found

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
