"""Recorded sessions with real agents, replayed as if the agent were there."""

import json
from pathlib import Path
from typing import Any

from deputy_sidecar.agent.adapters.acp import AcpAdapter
from deputy_sidecar.agent.adapters.model import Output, Question, SendLine, StartProcess, TurnEnded
from deputy_sidecar.agent.profiles import DEFAULT, Profile

_DATA = Path(__file__).parents[3] / "data"
FOLDER = _DATA / "transcripts"
SCHEMA = _DATA / "acp" / "schema.json"


def names() -> list[str]:
    """Every transcript of an agent that speaks ACP."""
    return sorted(path.stem for path in FOLDER.glob("acp-*.jsonl"))


def lines_of(name: str) -> list[dict[str, Any]]:
    """The messages of a transcript, `in` to the agent and `out` of it."""
    text = (FOLDER / f"{name}.jsonl").read_text()
    return [message for line in text.splitlines() if (message := json.loads(line))["dir"] != "meta"]


class Replay:
    """Plays the agent's side of one transcript."""

    def __init__(self, name: str, profile: Profile = DEFAULT) -> None:
        self.adapter = AcpAdapter(profile)
        self.outputs: list[Output] = []
        self.sent: list[dict[str, Any]] = []
        self.frames_of_turns: list[dict[str, Any]] = []
        self._ours: dict[str, int] = {}
        self._methods: dict[Any, str] = {}
        self._lines = lines_of(name)

    def run(self, *, answer: str = "") -> list[Output]:
        """Replay everything; questions are answered with `answer`."""
        for line in self._lines:
            message = line["msg"]
            if line["dir"] == "in":
                self._client_said(message)
            else:
                self._agent_said(message, answer)
        return self.outputs

    def _client_said(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method is None:
            return
        if "id" in message:
            self._methods[message["id"]] = method
        if method == "session/prompt" and self._is_idle():
            self._take(self.adapter.prompt(message["params"]["prompt"][0]["text"]))
        if method == "session/cancel":
            self._take(self.adapter.cancel())

    def _is_idle(self) -> bool:
        turns = sum(isinstance(one, TurnEnded) for one in self.outputs)
        prompts = sum(one.get("method") == "session/prompt" for one in self.sent)
        return bool(turns == prompts)

    def _agent_said(self, message: dict[str, Any], answer: str) -> None:
        if "method" in message:
            self._deliver(message)
            while answer and self.outputs and isinstance(self.outputs[-1], Question):
                self._take(self.adapter.answer(answer)[0])
            return
        method = self._methods[message["id"]]
        if method in ("session/load", "session/resume"):
            message = {**message, "result": {"sessionId": "resumed", **message.get("result", {})}}
        if method == "session/prompt":
            self._deliver({**message, "id": self._ours.get(method)})
        elif method != "session/set_mode":
            self._frames_before_the_prompt(method, message)

    def _frames_before_the_prompt(self, method: str, message: dict[str, Any]) -> None:
        """Keep the handshake's answers until the adapter asks."""
        self._methods.setdefault(("answer", method), json.dumps(message))

    def _take(self, outputs: list[Output]) -> None:
        for output in outputs:
            self.outputs.append(output)
            if isinstance(output, SendLine):
                self._answer_handshake(json.loads(output.line))
            assert not isinstance(output, StartProcess) or output.has_input

    def _answer_handshake(self, sent: dict[str, Any]) -> None:
        self.sent.append(sent)
        method = sent.get("method", "")
        if "id" in sent and method:
            self._ours[method] = sent["id"]
        if method == "session/set_mode":
            self._deliver({"jsonrpc": "2.0", "id": sent["id"], "result": {}})
        for known in (method, "session/load", "session/resume"):
            kept = self._methods.get(("answer", known))
            if kept is not None and method in ("initialize", "session/new"):
                self._deliver({**json.loads(kept), "id": sent["id"]})
                return

    def _deliver(self, message: dict[str, Any]) -> None:
        if not self._is_idle():
            self.frames_of_turns.append(message)
        self._take(self.adapter.line(json.dumps(message).encode()))
