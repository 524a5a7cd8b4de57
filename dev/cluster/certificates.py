"""Keys and certificates of one cluster, made with the openssl program.

They are made once per cluster, in a folder that appears complete or not at all.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dev.cluster import packages
from dev.cluster.commands import run
from dev.cluster.network import API_SERVICE_ADDRESS, NODE_ADDRESS

if TYPE_CHECKING:
    from pathlib import Path

#: The local cluster is for days; nobody renews anything in it.
DAYS = "365"
NODE_NAME = "deputy"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a certificate names: the user, the group, and the addresses it serves under."""

    file: str
    user: str
    group: str = ""
    addresses: tuple[str, ...] = ()


ADMIN = Identity("admin", "deputy-cluster-admin", "system:masters")
CONTROLLER_MANAGER = Identity("controller-manager", "system:kube-controller-manager")
SCHEDULER = Identity("scheduler", "system:kube-scheduler")
PROXY = Identity("proxy", "system:kube-proxy")
DNS = Identity("dns", "system:coredns")
KUBELET = Identity("kubelet", f"system:node:{NODE_NAME}", "system:nodes")
API_SERVER_AS_CLIENT = Identity("apiserver-client", "kube-apiserver", "system:masters")
API_SERVER = Identity(
    "apiserver",
    "kube-apiserver",
    addresses=(
        *("DNS:kubernetes", "DNS:kubernetes.default", "DNS:kubernetes.default.svc"),
        "DNS:kubernetes.default.svc.cluster.local",
        *(f"IP:{API_SERVICE_ADDRESS}", f"IP:{NODE_ADDRESS}", "IP:127.0.0.1"),
    ),
)
KUBELET_SERVING = Identity(
    "kubelet-serving", NODE_NAME, addresses=(f"DNS:{NODE_NAME}", f"IP:{NODE_ADDRESS}")
)

CLIENTS = (ADMIN, CONTROLLER_MANAGER, SCHEDULER, PROXY, DNS, KUBELET)
ALL = (*CLIENTS, API_SERVER_AS_CLIENT, API_SERVER, KUBELET_SERVING)

AUTHORITY = "ca.crt"
ACCOUNT_KEY = "service-accounts.key"
ACCOUNT_PUBLIC_KEY = "service-accounts.pub"


def ensure(folder: Path) -> None:
    """Make all keys and certificates where the folder does not exist yet."""
    if folder.is_dir():
        return
    half = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True, mode=0o700)
    _authority(half)
    _openssl(half, "genrsa", "-out", ACCOUNT_KEY, "2048")
    _openssl(half, "rsa", "-in", ACCOUNT_KEY, "-pubout", "-out", ACCOUNT_PUBLIC_KEY)
    for identity in ALL:
        _sign(half, identity)
    half.rename(folder)


def _authority(folder: Path) -> None:
    _openssl(
        folder,
        *("req", "-x509", *_new_key("ca"), "-days", DAYS, "-subj", "/CN=deputy-cluster-ca"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", AUTHORITY),
    )


def _sign(folder: Path, identity: Identity) -> None:
    group = f"/O={identity.group}" if identity.group else ""
    request, extensions = f"{identity.file}.csr", f"{identity.file}.ext"
    (folder / extensions).write_text(_extensions(identity))
    _openssl(
        folder,
        *("req", *_new_key(identity.file), "-subj", f"{group}/CN={identity.user}", "-out", request),
    )
    _openssl(
        folder,
        *("x509", "-req", "-in", request, "-days", DAYS, "-CA", AUTHORITY, "-CAkey", "ca.key"),
        *("-CAcreateserial", "-extfile", extensions, "-out", f"{identity.file}.crt"),
    )
    (folder / request).unlink()
    (folder / extensions).unlink()


def _extensions(identity: Identity) -> str:
    lines = ["keyUsage=critical,digitalSignature", "extendedKeyUsage=clientAuth,serverAuth"]
    if identity.addresses:
        lines.append(f"subjectAltName={','.join(identity.addresses)}")
    return "\n".join(lines)


def _new_key(name: str) -> list[str]:
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    return [*curve, "-nodes", "-keyout", f"{name}.key"]


def _openssl(folder: Path, *words: str) -> None:
    run([packages.path_of("openssl"), *words], cwd=folder)
