"""The programs that make up the local cluster, each with its command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dev.cluster import binaries, build, configuration, packages, paths, requirements
from dev.cluster.certificates import (
    ACCOUNT_KEY,
    ACCOUNT_PUBLIC_KEY,
    AUTHORITY,
    CONTROLLER_MANAGER,
    DNS,
    KUBELET,
    NODE_NAME,
    PROXY,
    SCHEDULER,
)
from dev.cluster.network import NODE_ADDRESS, SERVICE_RANGE, inside
from dev.cluster.processes import Daemon

if TYPE_CHECKING:
    from dev.cluster.commands import Argv

Flags = Mapping[str, str | int | Path]

CERTIFICATES = paths.STATE / "certificates"
SETTINGS = paths.STATE / "settings"

_SYSTEM_CLIENTS = (CONTROLLER_MANAGER, SCHEDULER, PROXY, DNS, KUBELET)


def files() -> dict[Path, str]:
    """Give every configuration file by its path."""
    return {
        **{
            _credentials(client.file): configuration.kubeconfig(client)
            for client in _SYSTEM_CLIENTS
        },
        SETTINGS / "containerd.toml": configuration.containerd(
            runc=packages.path_of("runc"),
            plugins=binaries.folder(build.CNI),
            cni=SETTINGS / "cni",
            snapshotter="overlayfs" if requirements.can_overlay(paths.STATE) else "native",
        ),
        SETTINGS / "cni" / "10-pods.conflist": configuration.pod_network(),
        SETTINGS / "kubelet.json": configuration.kubelet(),
        SETTINGS / "proxy.json": configuration.proxy(_credentials(PROXY.file)),
        SETTINGS / "scheduler.json": configuration.scheduler(_credentials(SCHEDULER.file)),
        SETTINGS / "Corefile": configuration.corefile(_credentials(DNS.file)),
    }


def base_programs(texts: dict[Path, str]) -> tuple[Daemon, ...]:
    """Give the programs that the others need to be ready when they start."""
    return (_containerd(texts), _etcd(), _api_server())


def dependent_programs(texts: dict[Path, str]) -> tuple[Daemon, ...]:
    """Give the programs that need those: without containerd the kubelet ends at once."""
    return (
        _controller_manager(),
        _kubernetes("kube-scheduler", {"config": SETTINGS / "scheduler.json"}, texts),
        _kubelet(texts),
        _kubernetes("kube-proxy", {"config": SETTINGS / "proxy.json"}, texts),
        _dns(texts),
    )


def _containerd(texts: dict[Path, str]) -> Daemon:
    programs = binaries.folder(build.CONTAINERD)
    settings = SETTINGS / "containerd.toml"
    return Daemon(
        "containerd",
        tuple(inside([programs / "containerd", "--config", settings, "--log-level", "warn"])),
        (texts[settings],),
        # containerd looks for its shim on the PATH.
        {"PATH": f"{programs}:{packages.SYSTEM_PATH}"},
    )


def _etcd() -> Daemon:
    flags: Flags = {
        "data-dir": paths.STATE / "etcd",
        "listen-client-urls": "http://127.0.0.1:2379",
        "advertise-client-urls": "http://127.0.0.1:2379",
        "listen-peer-urls": "http://127.0.0.1:2380",
        "log-level": "warn",
    }
    command: Argv = [binaries.program(build.ETCD, "etcd"), *_flags(flags), "--unsafe-no-fsync"]
    return Daemon("etcd", tuple(inside(command)), environment={"PATH": packages.SYSTEM_PATH})


def _api_server() -> Daemon:
    flags: Flags = {
        "advertise-address": NODE_ADDRESS,
        "allow-privileged": "true",
        "authorization-mode": "Node,RBAC",
        "client-ca-file": CERTIFICATES / AUTHORITY,
        "enable-admission-plugins": "NodeRestriction",
        "etcd-servers": "http://127.0.0.1:2379",
        "kubelet-certificate-authority": CERTIFICATES / AUTHORITY,
        "kubelet-client-certificate": CERTIFICATES / "apiserver-client.crt",
        "kubelet-client-key": CERTIFICATES / "apiserver-client.key",
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": CERTIFICATES / ACCOUNT_PUBLIC_KEY,
        "service-account-signing-key-file": CERTIFICATES / ACCOUNT_KEY,
        "service-cluster-ip-range": SERVICE_RANGE,
        "tls-cert-file": CERTIFICATES / "apiserver.crt",
        "tls-private-key-file": CERTIFICATES / "apiserver.key",
    }
    return _kubernetes("kube-apiserver", flags)


def _controller_manager() -> Daemon:
    flags: Flags = {
        "kubeconfig": _credentials(CONTROLLER_MANAGER.file),
        "leader-elect": "false",
        "root-ca-file": CERTIFICATES / AUTHORITY,
        "service-account-private-key-file": CERTIFICATES / ACCOUNT_KEY,
        "use-service-account-credentials": "true",
        "cluster-signing-cert-file": CERTIFICATES / AUTHORITY,
        "cluster-signing-key-file": CERTIFICATES / "ca.key",
        "kube-api-qps": 500,
        "kube-api-burst": 1000,
    }
    return _kubernetes("kube-controller-manager", flags)


def _kubelet(texts: dict[Path, str]) -> Daemon:
    flags: Flags = {
        "config": SETTINGS / "kubelet.json",
        "hostname-override": NODE_NAME,
        "kubeconfig": _credentials(KUBELET.file),
        "node-ip": NODE_ADDRESS,
        "root-dir": paths.STATE / "kubelet",
    }
    return _kubernetes("kubelet", flags, texts)


def _dns(texts: dict[Path, str]) -> Daemon:
    settings = SETTINGS / "Corefile"
    command: Argv = [binaries.program(build.COREDNS, "coredns"), "-conf", settings]
    return Daemon(
        "coredns", tuple(inside(command)), (texts[settings],), {"PATH": packages.SYSTEM_PATH}
    )


def _kubernetes(name: str, flags: Flags, texts: dict[Path, str] | None = None) -> Daemon:
    settings = flags.get("config")
    read = (texts[settings],) if texts and isinstance(settings, Path) else ()
    command: Argv = [binaries.program(build.KUBERNETES, name), *_flags(flags)]
    return Daemon(name, tuple(inside(command)), read, {"PATH": packages.SYSTEM_PATH})


def _flags(flags: Flags) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]


def _credentials(name: str) -> Path:
    return SETTINGS / f"{name}.kubeconfig"
