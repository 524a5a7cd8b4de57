"""Take an agent's commits out of its workspace and push them to the run's branch.

The workspace is hostile: its hooks, settings and attributes are the agent's. Commits leave it
through `upload-pack` alone, into a repository of our own, and what is uncommitted is read as
plain files. Only the run's branch is pushed to, and never by force.
"""

import dataclasses
import os
import stat

from deputy.wire import GitToken, Workspace
from deputy_sidecar.errors import GitFailed, SecretInWork
from deputy_sidecar.git.command import Git, allowed_protocols, credential
from deputy_sidecar.paths import Paths

_HEAD = "refs/deputy/head"
_BASE = "refs/deputy/base"
_TIP = "refs/deputy/tip"
"""What the forge is known to have on the run's branch."""
_LAST = "refs/deputy/last"
"""The last snapshot; a push of it that was broken off may have come through."""

#: Files that no forge takes; left out of a save.
_MAX_FILE = 50 * 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """What is to be pushed: a commit, and how many there are since the base."""

    commit: str
    commits: int
    is_pushed: bool
    """Whether the forge has the commit already."""


class OutboxRepository:
    """The sidecar's own repository, which a run's commits pass from the workspace to the forge."""

    def __init__(self, workspace: Workspace, paths: Paths) -> None:
        self._workspace = workspace
        self._clone = paths.repository
        self._token_file = paths.token_file
        self._outbox = paths.outbox
        self._own = paths.outbox / "git"
        self._config = paths.outbox / "gitconfig"
        self._index = paths.outbox / "index"

    def _git(self, **more: object) -> Git:
        author = {
            "GIT_AUTHOR_NAME": self._workspace.author_name,
            "GIT_AUTHOR_EMAIL": self._workspace.author_email,
            "GIT_COMMITTER_NAME": self._workspace.author_name,
            "GIT_COMMITTER_EMAIL": self._workspace.author_email,
        }
        git = Git(
            self._outbox,
            git_dir=self._own,
            global_config=self._config,
            variables=author,
            seconds=120,
        )
        return dataclasses.replace(git, **more)  # type: ignore[arg-type]

    async def remember_start(self) -> None:
        """Note where the agent begins, before it does; the first call counts."""
        # The workspace belongs to another user. Settings in the environment do not reach the
        # `upload-pack` that reads it.
        self._config.write_text(
            f"[safe]\n\tdirectory = {self._clone}\n\tdirectory = {self._clone}/.git\n"
            "[pack]\n\tthreads = 2\n\twindowMemory = 64m\n"
        )
        if not (self._own / "HEAD").exists():
            await Git(self._outbox)("init", "--quiet", "--bare", "--template=", str(self._own))
        if await self._sha(_BASE):
            return
        head = await self._fetch(_HEAD, "HEAD")
        branch = await self._fetch("refs/deputy/origin", self._remote_base())
        await self._fetch(_TIP, f"refs/remotes/origin/{self._workspace.branch}")
        base = await self._git().output_or_empty("merge-base", head, branch) if branch else ""
        await self._git()("update-ref", _BASE, base or head)

    def _remote_base(self) -> str:
        return f"refs/remotes/origin/{self._workspace.base_branch or 'HEAD'}"

    async def _fetch(self, ref: str, of: str) -> str:
        """Fetch a ref of the workspace into one of our own; return its commit, empty for none."""
        fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
        git = self._git(variables={**self._git().variables, **allowed_protocols("")})
        await git.output_or_empty(
            *fetch, "--no-recurse-submodules", str(self._clone), f"+{of}:{ref}"
        )
        return await self._sha(ref)

    async def _sha(self, ref: str) -> str:
        return await self._git().output_or_empty(
            "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"
        )

    async def snapshot(self, job: int, subject: str) -> Snapshot:
        """Take everything that the run has made, with what is uncommitted as a last commit.

        Another snapshot for the same job is the same commit, whatever has died meanwhile.
        Raise `GitFailed` or `SecretInWork`.
        """
        kept = f"refs/deputy/jobs/{job}"
        commit = await self._sha(kept)
        if not commit:
            commit = await self._commit_everything(subject)
            await self._git()("update-ref", kept, commit)
            await self._git()("update-ref", _LAST, commit)
        base, tip = await self._sha(_BASE), await self._sha(_TIP)
        commits = int(await self._git()("rev-list", "--count", f"{base}..{commit}"))
        return Snapshot(commit, commits, commit == tip)

    async def _commit_everything(self, subject: str) -> str:
        head = "" if self._clone.is_symlink() else await self._fetch(_HEAD, "HEAD")
        if not head:
            raise GitFailed("fetch", "the clone in the workspace cannot be read any more")
        commit = await self._on_top_of_tip(head)
        # Whatever the branch has, the agent's files are the last word.
        tree = await self._files(head)
        if tree == await self._git()("rev-parse", f"{commit}^{{tree}}"):
            return commit
        return await self._git()("commit-tree", tree, "-p", commit, "-m", subject)

    async def _on_top_of_tip(self, head: str) -> str:
        """Return `head` where the branch can be moved to it, else a commit that has both."""
        git, tip = self._git(), await self._sha(_LAST) or await self._sha(_TIP)
        if not tip or await self._is_ancestor(tip, head):
            return head
        if await self._is_ancestor(head, tip):
            return tip
        tree = await git("rev-parse", f"{head}^{{tree}}")
        message = "Go on from the work that was saved before"
        return await git("commit-tree", tree, "-p", tip, "-p", head, "-m", message)

    async def _is_ancestor(self, older: str, newer: str) -> bool:
        return await self._git().output_or_empty("merge-base", older, newer) == older

    async def _files(self, head: str) -> str:
        """Return the tree of the files as they lie there, without those that git ignores."""
        self._index.unlink(missing_ok=True)
        git = self._git(folder=self._clone, work_tree=self._clone, index=self._index)
        await git("read-tree", head)
        before = await git("write-tree")
        listed = await git.raw("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        names = {name for name in listed.split(b"\0") if name and self._can_be_saved(name)}
        await git(
            "update-index", "-z", "--add", "--remove", "--stdin", stdin=b"\0".join(sorted(names))
        )
        after = await git("write-tree")
        if before != after:
            await self._refuse_secrets(git, after)
        return after

    def _can_be_saved(self, name: bytes) -> bool:
        if name.endswith(b"/"):
            # A repository within the repository: its commits are nowhere.
            return False
        path = self._clone / os.fsdecode(name)
        try:
            status = path.lstat()
        except OSError:
            return True
        if not any(kind(status.st_mode) for kind in (stat.S_ISREG, stat.S_ISLNK, stat.S_ISDIR)):
            # Git refuses to save anything beside a pipe or a socket in a file's place.
            return False
        return os.access(path, os.R_OK, follow_symlinks=False) and status.st_size <= _MAX_FILE

    async def _refuse_secrets(self, git: Git, tree: str) -> None:
        """Make sure that no trick with links has brought in what only this container can read."""
        if not self._token_file.exists():
            return
        names = await git.output_or_empty(
            "grep", "--text", "-l", "--fixed-strings", "-f", str(self._token_file), tree
        )
        if names:
            raise SecretInWork("the uncommitted files hold the workspace's own credential")

    async def push(self, snapshot: Snapshot, token: GitToken | None) -> None:
        """Push to the run's branch; raise `GitFailed`. Pushing again changes nothing."""
        url = self._workspace.repository_url
        variables = {**self._git().variables, **allowed_protocols(url)}
        git = self._git(settings=credential(url, token), variables=variables)
        target = f"{snapshot.commit}:refs/heads/{self._workspace.branch}"
        await git("push", "--quiet", "--no-verify", "--no-recurse-submodules", url, target)
        await self._git()("update-ref", _TIP, snapshot.commit)
