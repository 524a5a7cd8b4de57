# The images of Deputy: `docker build --target operator .`, and likewise `sidecar` and `simulator`.

# Any image of Debian 13 with Python 3.11 or newer and its venv module.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS base
RUN groupadd --gid 1001 deputy && useradd --uid 1001 --gid 1001 --create-home deputy

# The sidecar clones and pushes, the simulated forge serves real repositories, the operator does
# neither.
FROM base AS base-with-git
RUN command -v git >/dev/null || { \
        apt-get update \
        && apt-get install -y --no-install-recommends git ca-certificates \
        && apt-get clean \
        && rm -rf /var/lib/apt/lists/* /var/log/*; \
    }

# One lock file for everything; each image gets its own part of it.
FROM base AS locked
WORKDIR /locked
COPY pyproject.toml requirements.lock dev/images/locked.py ./
RUN python3 locked.py operator >operator.lock \
    && python3 locked.py sidecar >sidecar.lock \
    && python3 locked.py simulator >simulator.lock

FROM base AS installer
RUN python3 -m venv /opt/installer && python3 -m venv --without-pip /opt/deputy

FROM installer AS operator-libraries
COPY --from=locked /locked/operator.lock /tmp/
RUN /opt/installer/bin/pip --python /opt/deputy/bin/python install \
        --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /tmp/operator.lock

FROM installer AS sidecar-libraries
COPY --from=locked /locked/sidecar.lock /tmp/
RUN /opt/installer/bin/pip --python /opt/deputy/bin/python install \
        --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /tmp/sidecar.lock

FROM installer AS simulator-libraries
COPY --from=locked /locked/simulator.lock /tmp/
RUN /opt/installer/bin/pip --python /opt/deputy/bin/python install \
        --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /tmp/simulator.lock

FROM base AS operator
COPY --from=operator-libraries /opt/deputy /opt/deputy
COPY operator/deputy /opt/deputy/source/deputy
RUN echo /opt/deputy/source >"$(echo /opt/deputy/lib/python3*/site-packages)/deputy.pth" \
    && printf '#!/opt/deputy/bin/python\nfrom deputy.__main__ import main\n\nraise SystemExit(main())\n' \
        >/opt/deputy/bin/deputy \
    && chmod +x /opt/deputy/bin/deputy \
    && /opt/deputy/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/deputy/source
ENV PATH=/opt/deputy/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 1001:1001
WORKDIR /home/deputy
ENTRYPOINT ["deputy"]

FROM base-with-git AS sidecar
COPY --from=sidecar-libraries /opt/deputy /opt/deputy
# Of the operator's package the sidecar knows what they say to each other, and nothing else.
COPY operator/deputy/__init__.py operator/deputy/wire.py /opt/deputy/source/deputy/
COPY sidecar/deputy_sidecar /opt/deputy/source/deputy_sidecar
RUN echo /opt/deputy/source >"$(echo /opt/deputy/lib/python3*/site-packages)/deputy.pth" \
    && printf '#!/opt/deputy/bin/python\nfrom deputy_sidecar.__main__ import main\n\nraise SystemExit(main())\n' \
        >/opt/deputy/bin/deputy-sidecar \
    && chmod +x /opt/deputy/bin/deputy-sidecar \
    && /opt/deputy/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/deputy/source
ENV PATH=/opt/deputy/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 1001:1001
WORKDIR /home/deputy
ENTRYPOINT ["deputy-sidecar"]

FROM base-with-git AS simulator
COPY --from=simulator-libraries /opt/deputy /opt/deputy
COPY simulator/deputy_simulator /opt/deputy/source/deputy_simulator
RUN echo /opt/deputy/source >"$(echo /opt/deputy/lib/python3*/site-packages)/deputy.pth" \
    && printf '#!/opt/deputy/bin/python\nfrom deputy_simulator.__main__ import main\n\nraise SystemExit(main())\n' \
        >/opt/deputy/bin/deputy-simulate \
    && chmod +x /opt/deputy/bin/deputy-simulate \
    && /opt/deputy/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/deputy/source
ENV PATH=/opt/deputy/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 1001:1001
WORKDIR /home/deputy
ENTRYPOINT ["deputy-simulate"]
