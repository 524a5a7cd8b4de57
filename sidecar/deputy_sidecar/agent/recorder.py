"""Keep what happens to a conversation before the conversation takes it."""

from collections.abc import Callable, Iterable

from deputy.wire import NumberedEvent
from deputy_sidecar.agent.conversation import Conversation
from deputy_sidecar.agent.spliced_file import SplicedFile
from deputy_sidecar.journal import Input, JournalEntry


class Recorder:
    """The one way into the conversation: first to the disk, then to the fold.

    `output` keeps the agent's bytes and `record` the inputs; `emit` is given the events that
    follow, which a later life gives again under the same numbers.
    """

    def __init__(
        self,
        conversation: Conversation,
        output: SplicedFile,
        record: Callable[[JournalEntry], None],
        emit: Callable[[Iterable[NumberedEvent]], None],
    ) -> None:
        self._conversation = conversation
        self._output = output
        self._record = record
        self._emit = emit

    @property
    def consumed(self) -> int:
        """How many of the agent's bytes the conversation has taken."""
        return self._conversation.consumed

    def replay(self, entries: Iterable[JournalEntry]) -> None:
        """Fold what earlier lives have recorded, each input where it came among the bytes."""
        for entry in entries:
            for data in self._output.unread_until(entry.at):
                self._conversation.read(data)
            self._conversation.take(entry.input)
            self._emit(self._conversation.fetch())
        self._read()

    def take(self, item: Input) -> None:
        """Record an input and have the conversation take it."""
        self._record(JournalEntry(self.consumed, item))
        self._conversation.take(item)
        self._emit(self._conversation.fetch())

    def read(self, pipe: int) -> None:
        """Take some of what the agent wrote."""
        self._output.move(pipe)
        self._read()

    def drain(self, pipe: int) -> None:
        """Take everything that the agent wrote."""
        while self._output.move(pipe):
            pass
        self._read()

    def _read(self) -> None:
        for data in self._output.unread():
            self._conversation.read(data)
        self._emit(self._conversation.fetch())
