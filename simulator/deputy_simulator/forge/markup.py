"""HTML around texts of others: everything is escaped, then the little Markdown there is.

Pure. Understood are paragraphs, fences, headings, lists, `code`, **bold** and http(s) links.
"""

import html
import re

_CODE = re.compile(r"`([^`\n]+)`")
_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_LINK = re.compile(r"\[([^\]\n]+)\]\((https?://[^\s()\"'<>]+)\)")
_FENCE = re.compile(r"^(`{3,})[^`\n]*\n(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def prose(text: str) -> str:
    """Return a text in Markdown as HTML."""
    parts: list[str] = []
    last = 0
    text = text.replace("\r\n", "\n")
    for fence in _FENCE.finditer(text):
        parts += _blocks(text[last : fence.start()])
        parts.append(f"<pre>{html.escape(fence.group(2))}</pre>")
        last = fence.end()
    parts += _blocks(text[last:])
    return "".join(parts) or "<p class='quiet'>No description.</p>"


def _blocks(text: str) -> list[str]:
    blocks = re.split(r"\n\s*\n", _COMMENT.sub("", text))
    return [_block(block.strip()) for block in blocks if block.strip()]


def _block(block: str) -> str:
    lines = block.split("\n")
    if all(re.match(r"[-*] ", line) for line in lines):
        items = "".join(f"<li>{inline(line[2:])}</li>" for line in lines)
        return f"<ul>{items}</ul>"
    heading = re.match(r"(#{1,4}) (.+)$", block)
    if heading:
        return f"<h3>{inline(heading.group(2))}</h3>"
    return f"<p>{'<br>'.join(inline(line) for line in lines)}</p>"


def inline(text: str) -> str:
    """Return one line of Markdown as HTML."""
    safe = html.escape(text, quote=False)
    safe = _CODE.sub(r"<code>\1</code>", safe)
    safe = _BOLD.sub(r"<b>\1</b>", safe)
    return _LINK.sub(r'<a href="\2" rel="noreferrer">\1</a>', safe)


def document(title: str, body: str) -> str:
    """Return a whole page."""
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{html.escape(title)}</title><link rel='stylesheet' href='/style.css'></head>"
        "<body><header><a href='/'>Simulated forge</a></header>"
        f"<main>{body}</main></body></html>"
    )


def stylesheet() -> str:
    """Return the looks of every page, light and dark."""
    return _STYLE


_STYLE = """
:root { color-scheme: light dark; --line: #d1d9e0; --soft: #f6f8fa; --text: #1f2328;
  --quiet: #59636e; --add: #dafbe1; --del: #ffebe9; --hunk: #ddf4ff; --link: #0969da; --back: #fff }
@media (prefers-color-scheme: dark) { :root { --line: #3d444d; --soft: #151b23; --text: #f0f6fc;
  --quiet: #9198a1; --add: #1b4527; --del: #5d1f1d; --hunk: #16304d; --link: #4493f8;
  --back: #0d1117 } }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--text);
  background: var(--back) }
header { padding: .7rem 1.5rem; background: var(--soft); border-bottom: 1px solid var(--line);
  font-weight: 600 }
main { max-width: 62rem; margin: 1.5rem auto; padding: 0 1.5rem }
a { color: var(--link); text-decoration: none } a:hover { text-decoration: underline }
h1 { font-weight: 500; margin: .3rem 0 } h2 { font-size: 1.1rem; margin-top: 1.8rem }
h3 { font-size: 1rem }
code, pre, .sha { font: 13px/1.5 ui-monospace, monospace }
code { background: var(--soft); padding: .1rem .3rem; border-radius: 4px }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 0; margin: .5rem 0 }
ul.card { list-style: none } ul.card li { padding: .6rem 1rem; border-top: 1px solid var(--line) }
ul.card li:first-child { border-top: 0 }
.text { padding: .3rem 1rem }
.text pre { background: var(--soft); padding: .7rem; border-radius: 6px; white-space: pre-wrap }
.diff { overflow-x: auto } .diff span { display: inline-block; min-width: 100%; padding: 0 1rem;
  box-sizing: border-box }
.diff .file { background: var(--soft); font-weight: 600; padding-top: .5rem }
.diff .add { background: var(--add) } .diff .del { background: var(--del) }
.diff .hunk { background: var(--hunk) }
h2 .add { color: #1a7f37 } h2 .del { color: #cf222e }
.quiet, .sha { color: var(--quiet) }
h1 .quiet { font-weight: 300 }
.badge, .label { border-radius: 2em; padding: .15rem .7rem; font-size: .85rem; color: #fff }
.badge.open { background: #1f883d } .badge.closed { background: #cf222e }
.badge.merged { background: #8250df } .badge.draft { background: #59636e }
.label { color: inherit; border: 1px solid var(--line) }
"""
