"""Searches a container for secrets: environment, files, processes, network. Standard library.

Reads from stdin nothing; the needles come in base64 so that the search does not find itself.
Prints one line of JSON: what was found where, how much was looked at, and who answers.
"""

import base64
import json
import os
import re
import socket
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

#: What every service account's token looks like.
TOKEN = rb"eyJ[A-Za-z0-9_-]{16,}\.eyJ[A-Za-z0-9_-]{16,}\."
SKIPPED = ("/proc", "/sys", "/dev")
#: Where sidecars and agents of all kinds like to listen.
PORTS = range(1, 65536)


def contents() -> Iterator[tuple[str, bytes]]:
    """Yield everything that can be read, with where it is."""
    yield "environment", "\n".join(f"{k}={v}" for k, v in os.environ.items()).encode()
    for folder, folders, files in os.walk("/"):
        if folder.startswith(SKIPPED):
            folders.clear()
            continue
        for name in files:
            yield from read(Path(folder) / name)
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            for what in ("environ", "cmdline"):
                yield from read(process / what)


def read(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield a file that is one and can be read."""
    try:
        if path.is_file() and not path.is_symlink():
            yield str(path), path.read_bytes()
    except OSError:
        return


def listening() -> list[int]:
    """Return the ports on which something in the pod listens."""
    ports = []
    for port in PORTS:
        with socket.socket() as one:
            one.settimeout(0.5)
            answered = one.connect_ex(("127.0.0.1", port)) == 0
            # A port that is free may be given to the searcher itself, who then meets himself.
            if answered and one.getsockname() != one.getpeername():
                ports.append(port)
    return ports


def asked(url: str) -> str:
    """Return what a request without a credential gets."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=3, context=context) as answer:  # noqa: S310
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except OSError:
        return "nobody"


def main() -> None:
    """Search and report."""
    needles = [base64.b64decode(word) for word in sys.argv[1].split(",")]
    wanted = re.compile(b"|".join([TOKEN, *map(re.escape, needles)]))
    looked, paths_found = 0, set()
    for where, content in contents():
        looked += 1
        if wanted.search(content):
            paths_found.add(re.sub(r"/\d+/", "/PID/", where))
    answers = {url: asked(url) for url in sys.argv[2:]}
    report = {"found": sorted(paths_found), "listening": listening(), "answers": answers}
    sys.stdout.write(f"looked at {looked}\n{json.dumps(report)}\n")


if __name__ == "__main__":
    main()
