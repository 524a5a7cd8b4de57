"""A bare git repository on disk."""

import asyncio
import dataclasses
import os
import pathlib
import tempfile
from collections.abc import Mapping

from deputy_simulator.forge.errors import GitFailed

#: Nothing of the machine's own configuration has a say here.
GIT_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Commit:
    """A commit as a list of commits shows it."""

    sha: str
    author: str
    date: str
    subject: str


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """How much one file has changed; binary files count no lines."""

    path: str
    additions: int
    deletions: int


@dataclasses.dataclass(frozen=True, slots=True)
class Bare:
    """A bare repository; names that come from outside are only used as whole refs or commits."""

    path: pathlib.Path

    async def run(
        self, *arguments: str, given: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> str:
        """Run git here and return what it prints; raise `GitFailed`."""
        process = await asyncio.create_subprocess_exec(
            "git",
            "--git-dir",
            str(self.path),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=GIT_ENVIRONMENT | dict(environment or {}),
        )
        out, err = await process.communicate(given)
        if process.returncode:
            raise GitFailed(f"git {arguments[0]}: {err.decode(errors='replace').strip()}")
        return out.decode(errors="replace")

    async def create(self, default_branch: str) -> None:
        """Make the repository; it takes pushes over HTTP."""
        await asyncio.to_thread(self.path.mkdir, parents=True)
        await self.run("init", "--quiet", "--bare", f"--initial-branch={default_branch}")
        await self.run("config", "http.receivepack", "true")

    async def default_branch(self) -> str:
        """Return the branch that HEAD names."""
        return (await self.run("symbolic-ref", "--short", "HEAD")).strip()

    async def branches(self) -> dict[str, str]:
        """Return the commit of each branch."""
        form = "--format=%(objectname) %(refname:lstrip=2)"
        lines = (await self.run("for-each-ref", form, "refs/heads")).splitlines()
        pairs = (line.split(" ", 1) for line in lines)
        return {name: sha for sha, name in pairs}

    async def head_of(self, branch: str) -> str | None:
        """Return the commit of a branch; None where there is no such branch."""
        return (await self.branches()).get(branch)

    async def merge_base(self, one: str, other: str) -> str | None:
        """Return the commit that two commits have in common."""
        try:
            return (await self.run("merge-base", one, other)).strip()
        except GitFailed:
            return None

    async def commits(self, base: str, head: str) -> list[Commit]:
        """Return the commits of `head` that `base` lacks, the oldest first."""
        form = "--format=%H%x00%an%x00%aI%x00%s"
        out = await self.run("log", "--reverse", form, f"{base}..{head}")
        return [Commit(*line.split("\0", 3)) for line in out.splitlines()]

    async def changes(self, base: str, head: str) -> list[Change]:
        """Return which files differ."""
        out = await self.run("diff", "--numstat", "-z", "--no-renames", base, head)
        rows = (row.split("\t", 2) for row in out.split("\0") if row)
        return [Change(path, _number(plus), _number(minus)) for plus, minus, path in rows]

    async def diff(self, base: str, head: str) -> str:
        """Return the difference as a unified diff."""
        return await self.run("diff", "--no-color", "--no-ext-diff", base, head)

    async def commit_files(
        self, branch: str, files: Mapping[str, str], message: str, when: str = ""
    ) -> str:
        """Add a commit with `files` to a branch, begun at the default one; return its sha."""
        parent = await self.head_of(branch) or await self.head_of(await self.default_branch())
        # An index of its own: two of these at the same time are none of each other's business.
        with tempfile.TemporaryDirectory() as scratch:
            index = {"GIT_INDEX_FILE": f"{scratch}/index"}
            if parent:
                await self.run("read-tree", parent, environment=index)
            for path, text in files.items():
                blob = await self.run("hash-object", "-w", "--stdin", given=text.encode())
                entry = f"100644,{blob.strip()},{path}"
                await self.run("update-index", "--add", "--cacheinfo", entry, environment=index)
            tree = (await self.run("write-tree", environment=index)).strip()
        sha = await self.commit_tree(tree, [parent] if parent else [], message, when)
        await self.run("update-ref", f"refs/heads/{branch}", sha)
        return sha

    async def commit_tree(self, tree: str, parents: list[str], message: str, when: str = "") -> str:
        """Make a commit of a tree and return its sha; no ref is moved."""
        links = [argument for parent in parents for argument in ("-p", parent)]
        return (
            await self.run("commit-tree", tree, *links, "-m", message, environment=_somebody(when))
        ).strip()


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _somebody(when: str) -> dict[str, str]:
    who = {
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@acme.example",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@acme.example",
    }
    dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when} if when else {}
    return who | dates
