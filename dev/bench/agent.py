"""An agent that speaks ACP and asks one question after the other; standard library only.

Each question says when the answer before it arrived on stdin, in nanoseconds since 1970. It ends
when it is cancelled, at the end of its stdin, or when it is told to.
"""

import json
import signal
import sys
import time
from typing import Any

_ENOUGH = "enough"


def write(**message: Any) -> None:
    """Write one message."""
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def ask(number: int) -> None:
    """Ask for an answer of any kind."""
    shape = {"type": "object", "properties": {"answer": {"type": "string"}}}
    params = {
        "sessionId": "one",
        "mode": "form",
        "message": str(time.time_ns()),
        "requestedSchema": shape,
    }
    write(id=f"q{number}", method="elicitation/create", params=params)


def main() -> None:
    """Serve one client until the end of stdin."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    turn, asked = None, 0
    for line in sys.stdin:
        message = json.loads(line)
        match message.get("method"):
            case "initialize":
                result: dict[str, Any] = {"protocolVersion": 1, "agentCapabilities": {}}
                write(id=message["id"], result=result)
            case "session/new":
                write(id=message["id"], result={"sessionId": "one"})
            case "session/prompt":
                turn = message["id"]
                ask(asked := asked + 1)
            case "session/cancel":
                write(id=turn, result={"stopReason": "cancelled"})
            case None if _answer(message) == _ENOUGH:
                write(id=turn, result={"stopReason": "end_turn"})
            case None if "result" in message:
                ask(asked := asked + 1)


def _answer(message: dict[str, Any]) -> str:
    content = (message.get("result") or {}).get("content") or {}
    return str(content.get("answer", ""))


if __name__ == "__main__":
    main()
