"""Pages for people: the repositories, and a pull request with its diff. There is no script."""

import html
from collections.abc import Iterable

from aiohttp import web

from deputy_simulator.forge import pulls
from deputy_simulator.forge.bare import Change, Commit
from deputy_simulator.forge.forge import FORGE
from deputy_simulator.forge.markup import document, inline, prose, stylesheet
from deputy_simulator.forge.store import Pull, Repository

ROUTES = web.RouteTableDef()

_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'"
#: Characters of a diff that a page shows.
_MOST = 400_000


def _page(title: str, body: str) -> web.Response:
    headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
    return web.Response(text=document(title, body), content_type="text/html", headers=headers)


@ROUTES.get("/style.css")
async def style(_request: web.Request) -> web.Response:
    """Give the pages their looks."""
    return web.Response(text=stylesheet(), content_type="text/css")


@ROUTES.get("/")
async def front(request: web.Request) -> web.Response:
    """Show every repository with its pull requests."""
    sections = []
    for repository in request.app[FORGE].store.all():
        await pulls.look(repository)
        sections.append(_repository_section(repository))
    return _page("Forge", "".join(sections) or "<p>There is no repository yet.</p>")


@ROUTES.get("/{owner}/{repository}")
async def repository(request: web.Request) -> web.Response:
    """Show a repository: its pull requests and its branches."""
    found = _found(request)
    await pulls.look(found)
    rows = [
        f"<li><code>{html.escape(name)}</code> <span class='sha'>{sha[:10]}</span></li>"
        for name, sha in (await found.bare.branches()).items()
    ]
    body = f"{_repository_section(found)}<h2>Branches</h2><ul class='card'>{''.join(rows)}</ul>"
    return _page(found.full_name, body)


def _found(request: web.Request) -> Repository:
    names = request.match_info
    name = names["repository"].removesuffix(".git")
    return request.app[FORGE].store.get(names["owner"], name)


def _repository_section(repository: Repository) -> str:
    name = html.escape(repository.full_name)
    newest = sorted(repository.pulls.values(), key=lambda pull: -pull.number)
    rows = "".join(_pull_row(repository, pull) for pull in newest)
    rows = rows or "<li class='quiet'>No pull request yet.</li>"
    return f"<h2><a href='/{name}'>{name}</a></h2><ul class='card'>{rows}</ul>"


def _pull_row(repository: Repository, pull: Pull) -> str:
    address = f"/{html.escape(repository.full_name)}/pull/{pull.number}"
    return (
        f"<li>{_badge(pull)} <a href='{address}'>{html.escape(pull.title)}</a> "
        f"<span class='quiet'>#{pull.number} by {html.escape(pull.author)} from "
        f"<code>{html.escape(pull.head)}</code></span></li>"
    )


def _badge(pull: Pull) -> str:
    word = (
        "merged" if pull.merged else "draft" if pull.draft and pull.state == "open" else pull.state
    )
    return f"<span class='badge {word}'>{word.capitalize()}</span>"


@ROUTES.get("/{owner}/{repository}/pull/{number:[0-9]+}.diff")
async def raw_diff(request: web.Request) -> web.Response:
    """Give the diff as text."""
    found = _found(request)
    pull = pulls.pull_of(found, request.match_info["number"])
    return web.Response(text=await found.bare.diff(*await pulls.span(found, pull)))


@ROUTES.get("/{owner}/{repository}/pull/{number:[0-9]+}")
async def pull_page(request: web.Request) -> web.Response:
    """Show a pull request: what it says, its commits, its diff."""
    found = _found(request)
    await pulls.look(found)
    pull = pulls.pull_of(found, request.match_info["number"])
    base, head = await pulls.span(found, pull)
    commits, changes = await found.bare.commits(base, head), await found.bare.changes(base, head)
    diff = await found.bare.diff(base, head)
    parts = [_heading(found, pull), _said(pull), _commits(commits), _files(changes, diff)]
    return _page(f"{pull.title} · #{pull.number}", "".join(parts))


def _heading(repository: Repository, pull: Pull) -> str:
    name = html.escape(repository.full_name)
    return (
        f"<p class='quiet'><a href='/{name}'>{name}</a></p>"
        f"<h1>{html.escape(pull.title)} <span class='quiet'>#{pull.number}</span></h1>"
        f"<p>{_badge(pull)} <b>{html.escape(pull.author)}</b> wants to merge "
        f"<code>{html.escape(pull.head)}</code> into <code>{html.escape(pull.base)}</code></p>"
    )


def _said(pull: Pull) -> str:
    asides = [
        *(f"<span class='label'>{html.escape(name)}</span>" for name in pull.labels),
        *(f"<span class='quiet'>review: {html.escape(name)}</span>" for name in _reviewers(pull)),
    ]
    aside = f"<p>{' '.join(asides)}</p>" if asides else ""
    return f"<section class='card text'>{prose(pull.body)}</section>{aside}"


def _reviewers(pull: Pull) -> list[str]:
    return [*pull.reviewers, *pull.teams]


def _commits(commits: Iterable[Commit]) -> str:
    rows = "".join(
        f"<li>{inline(commit.subject)} <span class='quiet'>{html.escape(commit.author)}, "
        f"{html.escape(commit.date)}</span> <span class='sha'>{commit.sha[:10]}</span></li>"
        for commit in commits
    )
    return f"<h2>Commits</h2><ul class='card'>{rows}</ul>"


def _files(changes: list[Change], diff: str) -> str:
    plus = sum(change.additions for change in changes)
    minus = sum(change.deletions for change in changes)
    many = "1 file" if len(changes) == 1 else f"{len(changes)} files"
    sums = f"<span class='add'>+{plus}</span> <span class='del'>&minus;{minus}</span>"
    head = f"<h2>{many} changed {sums}</h2>"
    cut = "" if len(diff) <= _MOST else "<p class='quiet'>The diff is cut here.</p>"
    lines = "".join(_diff_line(line) for line in diff[:_MOST].splitlines())
    return f"{head}<pre class='card diff'>{lines}</pre>{cut}"


def _diff_line(line: str) -> str:
    kinds = (("diff --git", "file"), ("+++", "quiet"), ("---", "quiet"), ("index ", "quiet"))
    more = (("@@", "hunk"), ("+", "add"), ("-", "del"))
    kind = next((name for start, name in (*kinds, *more) if line.startswith(start)), "")
    return f"<span class='{kind}'>{html.escape(line) or ' '}</span>\n"
