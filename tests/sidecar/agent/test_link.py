"""The link's folder belongs to the agent as much as to us: nothing in it is trusted."""

import os
from pathlib import Path

import pytest

from deputy_sidecar.agent.link import AgentLink, make_fifos
from deputy_sidecar.errors import LinkBroken


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "link"
    folder.mkdir()
    make_fifos(folder)
    return folder


@pytest.fixture
async def link(folder: Path) -> "AsyncLink":
    return AsyncLink(folder)


class AsyncLink(AgentLink):
    """A link that is read from the agent's side."""

    def agents(self, fifo: str) -> bytes:
        return os.read(self._descriptors[fifo], 65536)


def test_fifos_are_for_the_group_and_stay_when_they_are_there(folder: Path) -> None:
    before = {path.name: path.stat().st_ino for path in folder.iterdir()}

    make_fifos(folder)

    assert {path.name: path.stat().st_ino for path in folder.iterdir()} == before
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o660}


@pytest.mark.parametrize("kind", ["file", "link", "nothing"])
async def test_what_is_no_fifo_is_not_opened(kind: str, folder: Path, tmp_path: Path) -> None:
    (folder / "out").unlink()
    if kind == "file":
        (folder / "out").touch()
    elif kind == "link":
        os.mkfifo(tmp_path / "elsewhere")
        (folder / "out").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(LinkBroken, match="out"):
        AgentLink(folder)


async def test_a_prompt_replaces_whatever_the_agent_put_in_its_place(
    link: AsyncLink, folder: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (folder / "prompt").symlink_to(precious)
    (folder / f".prompt.{os.getpid()}").symlink_to(precious)

    link.start(1, "Grüße", has_input=True)

    assert precious.read_text() == "precious"
    assert (folder / "prompt").read_text() == "Grüße"
    assert link.agents("ctl") == b"\nRUN 1 stdin\n"
    link.close()


async def test_stderr_is_not_read_through_a_link(
    link: AsyncLink, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("relay-token")
    (folder / "stderr").symlink_to(tmp_path / "token")
    link.bound_stderr()

    assert link.stderr() == ""
    assert (tmp_path / "token").read_text() == "relay-token"
    link.close()


async def test_stderr_that_grows_is_cut_to_its_end(link: AsyncLink, folder: Path) -> None:
    with (folder / "stderr").open("ab") as agents:
        agents.write(b"x" * 2_000_000 + b"the end")
        agents.flush()

        link.bound_stderr()
        agents.write(b", and on")

    assert (folder / "stderr").stat().st_size < 10_000
    assert link.stderr().endswith("the end, and on")
    link.close()


@pytest.mark.parametrize(
    ("text", "code"), [("137\n", 137), ("", None), ("x\n", None), ("\u00b2", None)]
)
async def test_a_noted_exit_status_is_read(
    text: str, code: int | None, link: AsyncLink, folder: Path
) -> None:
    (folder / "exit.1").write_text(text)

    assert link.exit_code(1) == code
    assert link.exit_code(2) is None
    link.close()


async def test_lines_carry_run_number_and_length(link: AsyncLink) -> None:
    link.send(2, 7, '{"a":1}')
    link.send(2, 8, "")

    assert link.agents("in") == b'\n2 7 7 {"a":1}\n2 8 0\n'
    link.close()
