# The images of Deputy: `docker build --target operator .`, and likewise `sidecar` and `simulator`.
#
# None of them has a package manager, a compiler or a cache: each is the programs that it runs, the
# libraries of those, and a few words of a shell for whoever has to look into it.
# The stages of one image stand before those of the next: old builders make all that come before.

# Any image of Debian 13 with Python 3.11 or newer and its venv module.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285
# What is fetched is fetched in this one: the same, with further certificate authorities if need be.
ARG BUILD_IMAGE=${PYTHON_IMAGE}

FROM ${PYTHON_IMAGE} AS base
RUN groupadd --gid 1001 deputy && useradd --uid 1001 --gid 1001 --create-home deputy

FROM ${BUILD_IMAGE} AS installer
RUN python3 -m venv /opt/installer && python3 -m venv --without-pip /opt/deputy
# One lock file for everything; each image gets its own part of it.
WORKDIR /locked
COPY pyproject.toml requirements.lock dev/images/locked.py ./

FROM installer AS operator-libraries
RUN python3 locked.py operator >operator.lock \
    && /opt/installer/bin/pip --python /opt/deputy/bin/python install \
        --no-cache-dir --no-deps --only-binary :all: --require-hashes -r operator.lock

FROM base AS operator-root
COPY dev/images/image_root.py /tmp/
COPY --from=operator-libraries /opt/deputy /opt/deputy
RUN python3 /tmp/image_root.py /root-of-image python3 sh cat env id ls sleep /opt/deputy

FROM installer AS operator-program
COPY operator/deputy /opt/deputy/source/deputy
COPY dev/images/program.sh /tmp/
RUN sh /tmp/program.sh deputy deputy

FROM scratch AS operator
COPY --from=operator-root /root-of-image /
COPY --from=base --chown=1001:1001 /home/deputy /home/deputy
COPY --from=operator-libraries /opt/deputy /opt/deputy
COPY --from=operator-program /opt/deputy/program /opt/deputy
ENV PATH=/opt/deputy/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 1001:1001
WORKDIR /home/deputy
ENTRYPOINT ["deputy"]

# The sidecar clones and pushes, the simulated forge serves real repositories, the operator does
# neither.
FROM base AS base-with-git
RUN command -v git >/dev/null || { \
        apt-get update \
        && apt-get install -y --no-install-recommends git ca-certificates \
        && apt-get clean \
        && rm -rf /var/lib/apt/lists/* /var/log/*; \
    }

# The sidecar needs the standard library alone; the lock file agrees, or the build ends here.
FROM installer AS sidecar-libraries
RUN python3 locked.py sidecar >sidecar.lock && test -z "$(cat sidecar.lock)"

FROM base-with-git AS sidecar-root
COPY dev/images/image_root.py /tmp/
RUN python3 /tmp/image_root.py /root-of-image python3 git sh cat env id ls sed sleep uname

FROM installer AS sidecar-program
# Of the operator's package the sidecar knows what they say to each other, and nothing else.
COPY operator/deputy/__init__.py operator/deputy/wire.py /opt/deputy/source/deputy/
COPY sidecar/deputy_sidecar /opt/deputy/source/deputy_sidecar
COPY dev/images/program.sh /tmp/
RUN sh /tmp/program.sh deputy-sidecar deputy_sidecar

FROM scratch AS sidecar
COPY --from=sidecar-root /root-of-image /
COPY --from=base --chown=1001:1001 /home/deputy /home/deputy
COPY --from=sidecar-libraries /opt/deputy /opt/deputy
COPY --from=sidecar-program /opt/deputy/program /opt/deputy
ENV PATH=/opt/deputy/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 1001:1001
WORKDIR /home/deputy
ENTRYPOINT ["deputy-sidecar"]

FROM installer AS simulator-libraries
RUN python3 locked.py simulator >simulator.lock \
    && /opt/installer/bin/pip --python /opt/deputy/bin/python install \
        --no-cache-dir --no-deps --only-binary :all: --require-hashes -r simulator.lock

FROM base-with-git AS simulator-root
COPY dev/images/image_root.py /tmp/
COPY --from=simulator-libraries /opt/deputy /opt/deputy
RUN python3 /tmp/image_root.py /root-of-image python3 git sh cat env id ls sed sleep uname /opt/deputy

FROM installer AS simulator-program
COPY simulator/deputy_simulator /opt/deputy/source/deputy_simulator
COPY dev/images/program.sh /tmp/
RUN sh /tmp/program.sh deputy-simulate deputy_simulator

FROM scratch AS simulator
COPY --from=simulator-root /root-of-image /
COPY --from=base --chown=1001:1001 /home/deputy /home/deputy
COPY --from=simulator-libraries /opt/deputy /opt/deputy
COPY --from=simulator-program /opt/deputy/program /opt/deputy
ENV PATH=/opt/deputy/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 1001:1001
WORKDIR /home/deputy
ENTRYPOINT ["deputy-simulate"]
