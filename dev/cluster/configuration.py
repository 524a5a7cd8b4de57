"""The files that configure the cluster's programs. Pure: paths come in, texts come out.

JSON is YAML, so what Kubernetes and CNI read is written as JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dev.cluster import paths
from dev.cluster.certificates import AUTHORITY, DNS, NODE_NAME, Identity
from dev.cluster.network import NAMESPACE, NODE_ADDRESS, POD_RANGE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SERVER = f"https://{NODE_ADDRESS}:6443"
CONTAINERD_SOCKET = paths.RUNTIME / "containerd.sock"
DNS_READY_URL = f"http://{NODE_ADDRESS}:8181/ready"
PAUSE_IMAGE = "localhost/pause:1"
CGROUP = NAMESPACE

_CERTIFICATES = paths.STATE / "certificates"


def dump(value: Mapping[str, object]) -> str:
    """Write an object as JSON that a person can read."""
    return json.dumps(value, indent=2) + "\n"


def kubeconfig(identity: Identity, embedded: Mapping[str, str] | None = None) -> str:
    """Give a kubeconfig for one identity.

    It points at the certificates' files, or holds them where `embedded` gives them in base64, so
    that it can be copied elsewhere.
    """
    name = NAMESPACE
    authority: dict[str, str] = {"certificate-authority": str(_CERTIFICATES / AUTHORITY)}
    user: dict[str, str] = {
        "client-certificate": str(_CERTIFICATES / f"{identity.file}.crt"),
        "client-key": str(_CERTIFICATES / f"{identity.file}.key"),
    }
    if embedded is not None:
        authority = {"certificate-authority-data": embedded["authority"]}
        user = {
            "client-certificate-data": embedded["certificate"],
            "client-key-data": embedded["key"],
        }
    return dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": SERVER, **authority}}],
            "users": [{"name": identity.user, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": identity.user}}],
            "current-context": name,
        }
    )


def containerd(*, runc: Path, plugins: Path, cni: Path, snapshotter: str) -> str:
    """Give containerd's configuration."""
    runtime = "plugins.'io.containerd.cri.v1.runtime'"
    socket = CONTAINERD_SOCKET
    return f"""\
version = 3
root = "{paths.STATE}/containerd"
state = "{paths.RUNTIME}/containerd"

[grpc]
address = "{socket}"

[ttrpc]
address = "{socket}.ttrpc"

[plugins.'io.containerd.cri.v1.images']
snapshotter = "{snapshotter}"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{PAUSE_IMAGE}"

[{runtime}]
# Where root lacks CAP_SYS_RESOURCE, as in many VMs and containers, every sandbox otherwise dies
# with "can't get final child's PID from pipe: EOF".
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true

[{runtime}.cni]
bin_dirs = ["{plugins}"]
conf_dir = "{cni}"

[{runtime}.containerd]
default_runtime_name = "runc"

[{runtime}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[{runtime}.containerd.runtimes.runc.options]
BinaryName = "{runc}"
SystemdCgroup = false
"""


def pod_network() -> str:
    """Give the CNI network of pods.

    Point to point links rather than a bridge: on a bridge the answer of a service's pod takes the
    short way past the rules that have to translate it back, unless br_netfilter is loaded.
    """
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": POD_RANGE}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(paths.RUNTIME / "addresses"),
    }
    links = {"type": "ptp", "ipMasq": False, "ipam": addresses}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return dump({"cniVersion": "1.0.0", "name": NAMESPACE, "plugins": [links, ports]})


def kubelet() -> str:
    """Give the kubelet's configuration."""
    return dump(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": NODE_ADDRESS,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(_CERTIFICATES / AUTHORITY)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(_CERTIFICATES / "kubelet-serving.crt"),
            "tlsPrivateKeyFile": str(_CERTIFICATES / "kubelet-serving.key"),
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "cgroupDriver": "cgroupfs",  # there may be no systemd
            "cgroupRoot": f"/{CGROUP}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "clusterDNS": [NODE_ADDRESS],
            "clusterDomain": "cluster.local",
            "resolvConf": "",
            "podLogsDir": str(paths.STATE / "logs" / "pods"),
            "volumePluginDir": str(paths.STATE / "volume-plugins"),
            "serializeImagePulls": False,
            "kubeAPIQPS": 500,
            "kubeAPIBurst": 1000,
            "registerWithTaints": [],
            # The machine is shared with a person's own files; only real want evicts pods.
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "1%",
                "nodefs.inodesFree": "1%",
                "imagefs.available": "1%",
            },
        }
    )


def proxy(credentials: Path) -> str:
    """Give kube-proxy's configuration."""
    return dump(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clusterCIDR": POD_RANGE,
            "hostnameOverride": NODE_NAME,
            "clientConnection": {"kubeconfig": str(credentials)},
            # The namespace may not write these limits, which are the host's.
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
                "udpTimeout": "0s",
                "udpStreamTimeout": "0s",
            },
            "iptables": {"minSyncPeriod": "0s"},
        }
    )


def scheduler(credentials: Path) -> str:
    """Give the scheduler's configuration: its client must not be what limits a measurement."""
    return dump(
        {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "leaderElection": {"leaderElect": False},
            "clientConnection": {"kubeconfig": str(credentials), "qps": 1000, "burst": 2000},
        }
    )


def corefile(credentials: Path) -> str:
    """Give CoreDNS's configuration.

    There is no way out of the cluster, so every other name is said not to exist: programs give up
    at once, where an error would have them try again and again.
    """
    return f"""\
.:53 {{
    bind {NODE_ADDRESS}
    errors
    ready {NODE_ADDRESS}:8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {credentials}
        ttl 5
    }}
    template ANY ANY . {{
        rcode NXDOMAIN
    }}
}}
"""


def dns_permissions() -> str:
    """Give the objects that let CoreDNS read services."""
    name = {"name": DNS.user}
    read = ["list", "watch"]
    core = {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": read}
    slices = {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read}
    group = "rbac.authorization.k8s.io"
    role = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRole",
        "metadata": name,
        "rules": [core, slices],
    }
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": name,
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", **name},
        "subjects": [{"apiGroup": group, "kind": "User", **name}],
    }
    return dump({"apiVersion": "v1", "kind": "List", "items": [role, binding]})
