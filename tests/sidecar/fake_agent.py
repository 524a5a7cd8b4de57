"""A scripted agent that speaks ACP on stdin and stdout; standard library only.

Each prompt is a script, one command a line:

    say TEXT            a message; think TEXT a thought
    run COMMAND         a tool call that runs COMMAND in the work folder
    read PATH           a tool call that is not worth a line of its own
    plan A | B*         a plan; a star marks what is done
    permission TITLE    ask for a permission; ask QUESTION: A, B for an answer
    sleep SECONDS       work; a cancel ends it
    file PATH TEXT      write a file in the work folder
    deaf                ignore SIGTERM, cancel and the end of stdin from now on
    crash CODE          exit; kill: die by SIGKILL; garbage: write what is no JSON
    stop REASON         end the turn with another stop reason; fail TEXT with an error
    echo                say the whole prompt
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

_WORK = Path(os.environ.get("FAKE_AGENT_WORK", "."))


class Agent:
    """The agent's side of one connection."""

    def __init__(self) -> None:
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._prompts: queue.Queue[dict[str, Any]] = queue.Queue()
        self._cancelled = threading.Event()
        self._calls = 0
        self._deaf = False

    def write(self, **message: Any) -> None:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()

    def update(self, **update: Any) -> None:
        self.write(method="session/update", params={"sessionId": "one", "update": update})

    def listen(self) -> None:
        for line in sys.stdin:
            message = json.loads(line)
            if "method" not in message:
                self._answers.put(message)
            elif message["method"] == "session/cancel":
                self._cancelled.set()
                self._answers.put({"result": {"outcome": {"outcome": "cancelled"}}})
            else:
                self._prompts.put(message)
        while self._deaf:
            time.sleep(60)
        self._prompts.put({"method": "end"})
        self._cancelled.set()

    def serve(self) -> None:
        threading.Thread(target=self.listen, daemon=True).start()
        while (message := self._prompts.get())["method"] != "end":
            match message["method"]:
                case "initialize":
                    info = {"name": "fake-agent", "version": "1"}
                    result = {"protocolVersion": 1, "agentInfo": info, "agentCapabilities": {}}
                    self.write(id=message["id"], result=result)
                case "session/new":
                    self.write(id=message["id"], result={"sessionId": "one"})
                case "session/prompt":
                    self.turn(message)
                case _:
                    pass  # a notification that asks for no answer

    def turn(self, message: dict[str, Any]) -> None:
        self._cancelled.clear()
        text = message["params"]["prompt"][0]["text"]
        reason, failed = "end_turn", ""
        for line in text.splitlines():
            if self._cancelled.is_set() and not self._deaf:
                reason = "cancelled"
                break
            word, _, rest = line.strip().partition(" ")
            if word == "stop":
                reason = rest
            elif word == "fail":
                failed = rest
            elif word == "echo":
                self.say(text)
            elif word:
                getattr(self, f"do_{word}", lambda _rest: None)(rest)
        if failed:
            self.write(id=message["id"], error={"code": -32603, "message": failed})
        else:
            self.write(id=message["id"], result={"stopReason": reason})

    def say(self, text: str) -> None:
        self.update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": text})

    def do_say(self, text: str) -> None:
        for word in text.split(" "):
            self.say(f"{word} ")

    def do_think(self, text: str) -> None:
        content = {"type": "text", "text": text}
        self.update(sessionUpdate="agent_thought_chunk", content=content)

    def do_run(self, command: str) -> None:
        key = self._tool("execute", command)
        done = subprocess.run(
            ["sh", "-c", command], cwd=_WORK, capture_output=True, text=True, check=False
        )
        status = "completed" if done.returncode == 0 else "failed"
        self._tool_end(key, status, done.stdout + done.stderr)

    def do_read(self, path: str) -> None:
        self._tool_end(self._tool("read", f"Read {path}", path), "completed", "")

    def do_file(self, rest: str) -> None:
        path, _, text = rest.partition(" ")
        key = self._tool("edit", f"Write {path}", path)
        (_WORK / path).write_text(text + "\n")
        self._tool_end(key, "completed", "")

    def _tool(self, kind: str, title: str, path: str = "") -> str:
        self._calls += 1
        key = f"call-{self._calls}"
        self.update(
            sessionUpdate="tool_call",
            toolCallId=key,
            title=title,
            kind=kind,
            status="in_progress",
            locations=[{"path": f"/workspace/repo/{path}"}] if path else [],
        )
        return key

    def _tool_end(self, key: str, status: str, output: str) -> None:
        self.update(
            sessionUpdate="tool_call_update", toolCallId=key, status=status, rawOutput=output
        )

    def do_plan(self, rest: str) -> None:
        steps = [step.strip() for step in rest.split("|")]
        entries = [
            {
                "content": step.rstrip("*"),
                "priority": "medium",
                "status": "completed" if step.endswith("*") else "pending",
            }
            for step in steps
        ]
        self.update(sessionUpdate="plan", entries=entries)

    def do_permission(self, title: str) -> None:
        self._calls += 1
        options = [
            {"optionId": "yes", "name": "Allow", "kind": "allow_once"},
            {"optionId": "no", "name": "Reject", "kind": "reject_once"},
        ]
        call = {"toolCallId": f"call-{self._calls}", "title": title, "status": "pending"}
        params = {"sessionId": "one", "toolCall": call, "options": options}
        self.write(id=f"p{self._calls}", method="session/request_permission", params=params)
        outcome = self._answers.get()["result"]["outcome"]
        self.say(f"permission: {outcome.get('optionId', outcome['outcome'])}. ")

    def do_ask(self, rest: str) -> None:
        question, _, options = rest.partition(":")
        named = [{"const": one.strip(), "title": one.strip()} for one in options.split(",")]
        shape = {"type": "string", "oneOf": named} if options else {"type": "string"}
        schema = {"type": "object", "properties": {"answer": shape}}
        params = {
            "sessionId": "one", "mode": "form", "message": question, "requestedSchema": schema
        }  # fmt: skip
        self._calls += 1
        self.write(id=f"q{self._calls}", method="elicitation/create", params=params)
        answer = self._answers.get()["result"]
        self.say(f"answer: {answer.get('content', {}).get('answer', answer.get('action'))}. ")

    def do_sleep(self, seconds: str) -> None:
        if self._deaf:
            time.sleep(float(seconds))
        else:
            self._cancelled.wait(float(seconds))

    def do_deaf(self, _rest: str) -> None:
        self._deaf = True

    def do_crash(self, code: str) -> None:
        sys.stderr.write("the last words on stderr\n")
        sys.stderr.flush()
        os._exit(int(code))

    def do_kill(self, _rest: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def do_garbage(self, _rest: str) -> None:
        sys.stdout.write("this is no JSON\n{\n[]\n\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if os.environ.get("FAKE_AGENT_DEAF"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Agent().serve()
