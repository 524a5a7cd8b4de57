"""What the pull request of a run is called and says.

Pure by rule. Linear links a pull request by the issue's identifier in its branch name and its
title, and closes the issue when it is merged by `Fixes <identifier>` in its body.
"""

import dataclasses
import re
import textwrap
import unicodedata

#: Longest branch name, title and summary, in characters; forges take a little more.
MAX_BRANCH = 120
MAX_TITLE = 200
MAX_SUMMARY = 8_000

_WIDTH = 100
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


@dataclasses.dataclass(frozen=True, slots=True)
class CompletedWork:
    """What a run has done, and for which issue.

    `identifier` is empty where there is none; then `task` is what the run was asked to do.
    """

    run_uid: str
    run_name: str
    summary: str
    identifier: str = ""
    title: str = ""
    url: str = ""

    task: str = ""


def branch_name(prefix: str, subject: str) -> str:
    """Return the branch for `subject`, an issue's identifier or a run's name: always the same.

    Nothing that may be edited is in it, so that a follow-up gets the same branch though nobody
    remembers the run before. With `prefix`, which ends in a slash, it is a branch of Deputy's own.
    """
    plain = unicodedata.normalize("NFKD", subject).encode("ascii", "ignore").decode()
    slug = _NOT_IN_SLUG.sub("-", plain.lower()).strip("-")
    return f"{prefix}{slug or 'work'}"[:MAX_BRANCH].rstrip("-")


def pull_request_title(work: CompletedWork) -> str:
    """Return one line that begins with the issue's identifier."""
    if not work.identifier:
        first = next(iter(work.task.strip().splitlines()), "")
        return _truncated(_line(first) or work.run_name, MAX_TITLE)
    return _truncated(f"{work.identifier}: {_line(work.title)}", MAX_TITLE)


def pull_request_body(work: CompletedWork) -> str:
    """Return the text of the pull request, in Markdown, with the run's mark at its end."""
    parts = [_summary(work.summary), *_references(work), run_marker(work.run_uid)]
    return "\n\n".join(part for part in parts if part) + "\n"


def run_marker(run_uid: str) -> str:
    """Return the comment, which nobody sees, by which the pull request of a run is known."""
    return f"<!-- deputy-run: {run_uid} -->"


def _summary(said: str) -> str:
    """Return the agent's words, fenced.

    They may come from whoever wrote the issue: within the fence they mention nobody, close
    nothing and hide nothing.
    """
    text = _truncated(_INVISIBLE.sub("", said.replace("\r\n", "\n")).strip(), MAX_SUMMARY)
    if not text:
        return ""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{fence}text\n{_wrapped(text)}\n{fence}"


def _wrapped(text: str) -> str:
    """Break long lines: within a fence nobody else does."""
    lines = text.split("\n")
    return "\n".join(
        textwrap.fill(
            line,
            _WIDTH,
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
            drop_whitespace=True,
        )
        if len(line) > _WIDTH
        else line
        for line in lines
    )


def _references(work: CompletedWork) -> list[str]:
    references: list[str] = []
    if work.identifier:
        references.append(f"Fixes {_link(work.identifier, work.url)}")

    references.append(f"Made by Deputy in run `{work.run_name}`.")
    return references


def _link(label: str, url: str) -> str:
    safe = re.fullmatch(r"https?://[^\s<>()\"]+", url)
    return f"[{label}]({url})" if safe else label


def _line(text: str) -> str:
    return " ".join(_INVISIBLE.sub(" ", text).split())


def _truncated(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
