"""docker, kind, kubectl, helm and go, as far as `dev` knows them; the state is in a folder.

    fake_program.py NAME WORDS...

`FAKE_STATE` names the folder. Every call is written to its file `calls`. Files in it say what
shall be different: `docker-says` (an error of the daemon), `docker-sleeps`, `create-sleeps`,
`VERSION-of-NAME`, `node.json`.
"""

import hashlib
import http.server
import json
import os
import shutil
import sys
import time
from pathlib import Path

STATE = Path(os.environ["FAKE_STATE"])
VERSIONS = {
    "kubectl": "Client Version: v1.33.1",
    "helm": "v3.17.0+g301108e",
    "kind": "kind v0.27.0 go1.23.6 linux/amd64",
    "go": "go version go1.26.8 linux/amd64",
}


def told(name: str, default: str = "") -> str:
    """Return what a test has written into a file of the state."""
    file = STATE / name
    return file.read_text() if file.exists() else default


def after(words: list[str], flag: str) -> str:
    """Return the word after a flag."""
    return words[words.index(flag) + 1] if flag in words else ""


def docker(words: list[str]) -> int:
    """Keep containers and images as files."""
    if seconds := told("docker-sleeps"):
        time.sleep(float(seconds))
    if message := told("docker-says"):
        print("{}")
        print(message, file=sys.stderr)
        return 1
    match words:
        case ["info", *_]:
            info = {"ServerVersion": "27.0.1", "CgroupVersion": told("cgroup", "2")}
            print(json.dumps(info | {"MemTotal": 8 * 2**30, "OperatingSystem": "Fake OS"}))
        case ["ps", *rest]:
            named = [word for word in rest if "io.x-k8s.kind.cluster=" in word]
            if named and not any("role=worker" in word for word in rest):
                cluster = named[0].rpartition("=")[2]
                for node in STATE.glob(f"node-{cluster}-control-plane"):
                    print(f"{cluster}-control-plane {node.read_text()}")
        case ["start", *names]:
            for name in names:
                (STATE / f"node-{name}").write_text("running")
        case ["rm", "--force", "--volumes", *names]:
            for name in names:
                (STATE / f"node-{name}").unlink()
        case ["build", *rest]:
            if message := told("build-says"):
                print(message, file=sys.stderr)
                return 1
            (STATE / f"built-{hashlib.sha256(rest[1].encode()).hexdigest()[:8]}").touch()
        case ["save", *rest]:
            if "--output" in rest or "-o" in rest:
                print("open: permission denied", file=sys.stderr)
                return 1
            sys.stdout.write(f"archive of {rest[-1]}")
        case ["exec", _, _, "containerd", *_]:
            print("    snapshotter = 'overlayfs'")
        case ["exec", "--interactive", _, "ctr", *_] | ["load", *_]:
            sys.stdin.read()
        case ["images", *_]:
            print("0123456789ab")
        case ["network", *_]:
            print("ba9876543210")
        case _:
            pass
    return 0


def kind(words: list[str]) -> int:
    """Keep clusters as files, and write kubeconfigs."""
    node = STATE / f"node-{after(words, '--name')}-control-plane"
    match words[:2]:
        case ["create", "cluster"]:
            node.write_text("running")
            if seconds := told("create-sleeps"):
                time.sleep(float(seconds))
            (STATE / "uid").write_text(str(time.time_ns()))
            Path(after(words, "--kubeconfig")).write_text("kubeconfig")
        case ["delete", "cluster"]:
            node.unlink(missing_ok=True)
        case ["export", "kubeconfig"]:
            Path(after(words, "--kubeconfig")).write_text("kubeconfig")
        case _:
            pass
    return 0


def kubectl(words: list[str]) -> int:
    """Answer for whatever cluster there is."""
    if "namespace" in words:
        print(told("uid", "no-uid"), end="")
    elif "nodes" in words and "json" in words:
        print(told("nodes.json", '{"items": []}'))
    elif "wait" in words:
        return int(not any(node.read_text() == "running" for node in STATE.glob("node-*")))
    elif "service" in words and "json" in words:
        print(told("service.json"))
    elif "port-forward" in words:
        serve(int(words[-1].partition(":")[0]))
    return 0


def serve(port: int) -> None:
    """Say on a port, once, that all is well."""

    class Well(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

    with http.server.HTTPServer(("127.0.0.1", port), Well) as server:
        server.timeout = 10
        server.handle_request()


def go(words: list[str]) -> int:
    """List a package, or copy something into what is built."""
    if words[0] == "list":
        print("one\ntwo\nthree")
    elif words[0] == "build":
        output = Path(after(words, "-o"))
        print("one\ntwo", file=sys.stderr)
        if output.is_dir():
            for package in words[words.index("-o") + 2 :]:
                (output / package.rpartition("/")[2]).write_text("")
        else:
            shutil.copy(__file__, output)
            output.chmod(0o755)
    return 0


def main() -> int:
    """Write the call down and do it."""
    name, *words = sys.argv[1:]
    kept = ("GOTOOLCHAIN", "GOFLAGS", "NO_PROXY", "BUILDX_NO_DEFAULT_ATTESTATIONS")
    variables = {key: os.environ[key] for key in kept if key in os.environ}
    with (STATE / "calls").open("a") as calls:
        calls.write(json.dumps({"program": name, "words": words, "variables": variables}) + "\n")
    if words and words[0] == "version":
        print(told(f"version-of-{name}", VERSIONS.get(name, "")))
        return 0
    programs = {"docker": docker, "kind": kind, "kubectl": kubectl, "go": go}
    return programs[name](words) if name in programs else 0


if __name__ == "__main__":
    sys.exit(main())
