"""What a dialect has to say: the turn, with its tools named as the agent names them."""

import asyncio
import dataclasses

from deputy_simulator.model.tools import ToolUse


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """One answer, ready for any dialect; `step` makes its ids."""

    step: int
    text: str = ""
    thinking: str = ""
    uses: tuple[ToolUse, ...] = ()
    delay: float = 0.0

    def call_id(self, index: int) -> str:
        """Return the id of one tool use; the same whenever this is said again."""
        return f"call_{self.step}_{index}"

    async def wait(self) -> None:
        """Take the time that the script wants."""
        await asyncio.sleep(self.delay)


#: What every answer is said to have cost.
INPUT_TOKENS = 100
OUTPUT_TOKENS = 20
