"""The Agent Client Protocol, version 1, from the client's side and without I/O.

Raw JSON is read leniently: agents add fields, kinds and methods between releases, and none of
that may end a run.
"""

import enum
import json
import re
from typing import Any

from deputy.wire import Outcome
from deputy_sidecar.agent.adapters.acp_failures import failure_of_call, failure_of_stop
from deputy_sidecar.agent.adapters.acp_questions import (
    PendingRequest,
    form_of,
    options_in,
    permission_of,
    pick,
)
from deputy_sidecar.agent.adapters.acp_updates import SessionUpdates
from deputy_sidecar.agent.adapters.exits import failure_of
from deputy_sidecar.agent.adapters.model import (
    REPOSITORY,
    Output,
    ProcessExit,
    SendLine,
    SetTimer,
    StartProcess,
    TurnEnded,
)
from deputy_sidecar.agent.profiles import DEFAULT, Profile, profile_named

_HANDSHAKE = "handshake"
_HANDSHAKE_SECONDS = 180.0
_METHOD_NOT_FOUND = -32601

#: The escape of one half of a character; where its other half is missing no text can be sent on.
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


class _State(enum.Enum):
    DOWN = enum.auto()
    STARTING = enum.auto()
    READY = enum.auto()
    WORKING = enum.auto()


class AcpAdapter:
    """One agent that speaks ACP, across its turns and restarts."""

    def __init__(self, profile: Profile = DEFAULT) -> None:
        self.agent = ""
        self._profile = profile
        self._updates = SessionUpdates(profile)
        self._state = _State.DOWN
        self._next_id = 0
        self._calls: dict[int, str] = {}
        self._session = ""
        self._prompt = ""
        self._pending: list[PendingRequest] = []

    def prompt(self, text: str) -> list[Output]:
        """Begin a turn, after the handshake where the agent is not running."""
        self._updates.begin()
        self._prompt = text
        if self._state is _State.READY:
            return [self._prompted()]
        self._state = _State.STARTING
        return [
            StartProcess(text, has_input=True),
            self._call("initialize", _INITIALIZE),
        ]

    def started(self) -> list[Output]:
        """Give the process a while to say who it is."""
        starting = self._state is _State.STARTING
        return [SetTimer(_HANDSHAKE, _HANDSHAKE_SECONDS)] if starting else []

    def _prompted(self) -> SendLine:
        self._state = _State.WORKING
        block = {"type": "text", "text": self._prompt}
        return self._call("session/prompt", {"sessionId": self._session, "prompt": [block]})

    def line(self, line: bytes) -> list[Output]:
        """Take one line; what is no message of the protocol is passed over."""
        try:
            message = _parsed(line)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            return []
        method, key = message.get("method"), message.get("id")
        params = message.get("params")
        params = params if isinstance(params, dict) else {}
        if isinstance(method, str):
            return (
                self._notified(method, params) if key is None else self._asked(method, key, params)
            )
        called = self._calls.pop(key, "") if isinstance(key, int) else ""
        return self._answered(called, message) if called else []

    def _notified(self, method: str, params: dict[str, Any]) -> list[Output]:
        if method == "$/cancel_request":
            # Words that are meant as its answer become a prompt.
            gone = params.get("requestId")
            self._pending = [request for request in self._pending if request.id != gone]
        update = params.get("update")
        if method != "session/update" or not isinstance(update, dict):
            return []
        if self._state is not _State.WORKING:
            return []
        return self._updates.update(update)

    def _asked(self, method: str, key: Any, params: dict[str, Any]) -> list[Output]:
        match method:
            case "session/request_permission":
                return self._permission(key, params)
            case "elicitation/create" if params.get("mode", "form") == "form":
                return self._question(form_of(key, params))
            case "elicitation/create":
                return [_result(key, {"action": "decline"})]
            case _:
                error = {"code": _METHOD_NOT_FOUND, "message": f"{method} is not offered"}
                return [_message({"id": key, "error": error})]

    def _permission(self, key: Any, params: dict[str, Any]) -> list[Output]:
        call = params.get("toolCall")
        outputs = self._updates.tool(call) if isinstance(call, dict) else []
        choice = pick(options_in(params), "allow") if self._profile.allows_tools else ""
        if choice:
            outcome = {"outcome": "selected", "optionId": choice}
            return [*outputs, _result(key, {"outcome": outcome})]
        return [*outputs, *self._question(permission_of(key, params))]

    def _question(self, request: PendingRequest) -> list[Output]:
        self._pending.append(request)
        if len(self._pending) > 1:
            return []
        return [*self._updates.interrupt(), request.question()]

    def answer(self, text: str) -> tuple[list[Output], str]:
        """Answer the oldest question; a form with more fields, or the next request, asks anew."""
        if not self._pending:
            return [], text
        request = self._pending[0]
        left = request.take(text)
        result = request.answer()
        if result is None:
            return [request.question()], left
        del self._pending[0]
        following = [self._pending[0].question()] if self._pending else []
        return [_result(request.id, result), *following], left

    def cancel(self) -> list[Output]:
        """Cancel the turn; open questions are answered so, as the protocol demands."""
        if self._state is not _State.WORKING:
            return []
        answers: list[Output] = [
            _result(request.id, request.cancelled()) for request in self._pending
        ]
        self._pending.clear()
        cancel = {"method": "session/cancel", "params": {"sessionId": self._session}}
        return [_message(cancel), *answers]

    def elapsed(self, timer: str) -> list[Output]:
        """Fail the turn of an agent that never says who it is."""
        if timer != _HANDSHAKE or self._state is not _State.STARTING:
            return []
        text = (
            f"The agent did not answer the Agent Client Protocol's handshake within "
            f"{_HANDSHAKE_SECONDS:.0f} seconds. See that spec.agent.command of the Blueprint "
            "starts it in its ACP mode, or set spec.agent.protocol to Exec."
        )
        return self._ended(TurnEnded(Outcome.FAILED, "AgentFailed", text))

    def exited(self, exit_: ProcessExit) -> list[Output]:
        """Fail the turn that was going on; the next prompt starts the agent anew."""
        working = self._state in (_State.STARTING, _State.WORKING)
        self._state = _State.DOWN
        self._calls.clear()
        self._pending.clear()
        if not working:
            return []
        outputs, _ = self._updates.finish()
        return [SetTimer(_HANDSHAKE, None), *outputs, failure_of(exit_)]

    def _answered(self, called: str, message: dict[str, Any]) -> list[Output]:
        error, result = message.get("error"), message.get("result")
        result = result if isinstance(result, dict) else {}
        if isinstance(error, dict) and called != "session/set_mode":
            return self._ended(failure_of_call(called, error))
        match called:
            case "initialize":
                self._greeted(result)
                new = {"cwd": REPOSITORY, "mcpServers": []}
                return [self._call("session/new", new)]
            case "session/new":
                self._session = str(result.get("sessionId", ""))
                return self._unattended(result)
            case "session/set_mode":
                return [SetTimer(_HANDSHAKE, None), self._prompted()]
            case _:
                return self._turn_over(str(result.get("stopReason", "end_turn")))

    def _greeted(self, result: dict[str, Any]) -> None:
        info = result.get("agentInfo")
        self.agent = str(info.get("name", "")) if isinstance(info, dict) else ""
        if self._profile is DEFAULT:
            self._profile = self._updates.profile = profile_named(self.agent)

    def _unattended(self, result: dict[str, Any]) -> list[Output]:
        """Choose the mode in which nobody is asked, where the agent has it and is not in it."""
        modes = result.get("modes")
        modes = modes if isinstance(modes, dict) else {}
        known = modes.get("availableModes")
        known = known if isinstance(known, list) else []
        offered = [mode.get("id") for mode in known if isinstance(mode, dict)]
        wanted = self._profile.unattended_mode
        if wanted not in offered or modes.get("currentModeId") == wanted:
            return [SetTimer(_HANDSHAKE, None), self._prompted()]
        return [self._call("session/set_mode", {"sessionId": self._session, "modeId": wanted})]

    def _turn_over(self, reason: str) -> list[Output]:
        outputs, text = self._updates.finish()
        ended = failure_of_stop(reason, text)
        return [*outputs, *self._ended(ended)]

    def _ended(self, ended: TurnEnded) -> list[Output]:
        if self._state is _State.STARTING:
            # Nothing is known of the session: the next prompt begins with a new process.
            self._state = _State.DOWN
        elif self._state is _State.WORKING:
            self._state = _State.READY
        self._pending.clear()
        return [SetTimer(_HANDSHAKE, None), ended]

    def _call(self, method: str, params: dict[str, Any]) -> SendLine:
        self._next_id += 1
        self._calls[self._next_id] = method
        return _message({"id": self._next_id, "method": method, "params": params})


_INITIALIZE: dict[str, Any] = {
    "protocolVersion": 1,
    "clientCapabilities": {
        # The agent has a file system and a shell of its own.
        "fs": {"readTextFile": False, "writeTextFile": False},
        "terminal": False,
        "elicitation": {"form": {}},
    },
    "clientInfo": {"name": "deputy", "title": "Deputy", "version": "0.1.0"},
}


def _parsed(line: bytes) -> Any:
    """Return the JSON of a line; an agent that cuts texts may leave half a character in it."""
    message = json.loads(line)
    if _HALF.search(line):
        message = json.loads(json.dumps(message, ensure_ascii=False).encode("utf-8", "replace"))
    return message


def _message(fields: dict[str, Any]) -> SendLine:
    return SendLine(json.dumps({"jsonrpc": "2.0", **fields}, separators=(",", ":")))


def _result(key: Any, result: dict[str, Any]) -> SendLine:
    return _message({"id": key, "result": result})
