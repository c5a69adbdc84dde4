# Any image with Python 3.11 or newer and its venv serves as the base: docker build --build-arg BASE=... .
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /build
# What is installed is named by its content, not by where it comes from; the package itself is built without a network.
COPY deploy/container/requirements.lock deploy/container/build.lock ./
# `make image` hands in the machine's certificates, and where pip finds its index, if there are any; neither is kept.
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
 && if [ -s /run/secrets/pip ]; then export PIP_CONFIG_FILE=/run/secrets/pip; fi \
 && export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_COMPILE=1 \
 && python3 -m venv tools \
 && python3 -m venv --without-pip /opt/workflow-monitor \
 && tools/bin/python -m pip install --require-hashes --no-deps --requirement build.lock \
 && tools/bin/python -m pip --python /opt/workflow-monitor/bin/python install \
      --require-hashes --no-deps --requirement requirements.lock
COPY pyproject.toml README.md LICENSE src/
COPY monitor src/monitor
# Byte code that names no times and asks for none: the root is read-only, and two builds are alike.
RUN tools/bin/python -m pip --disable-pip-version-check wheel --quiet --no-index --no-deps --no-build-isolation ./src \
 && tools/bin/python -m pip --python /opt/workflow-monitor/bin/python --disable-pip-version-check \
      install --no-compile --no-index --no-deps ./*.whl \
 && /opt/workflow-monitor/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/workflow-monitor/lib

FROM ${BASE}
# What runs installs nothing.
RUN if python3 -c 'import pip' 2>/dev/null; then python3 -m pip uninstall --yes --quiet --root-user-action=ignore pip; fi \
 && groupadd --system --gid 10001 monitor \
 && useradd --system --uid 10001 --gid monitor --home-dir /var/lib/workflow-monitor --shell /usr/sbin/nologin monitor \
 && install -d -o monitor -g monitor -m 0750 /var/lib/workflow-monitor
COPY --from=build /opt/workflow-monitor /opt/workflow-monitor
COPY config /etc/workflow-monitor

# The root file system may be read-only: all that is written lies in the one volume.
# Address, port and database are set here, over the settings file: what probes, publishes and mounts must know them.
ENV PATH=/opt/workflow-monitor/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MONITOR_CONFIG=/etc/workflow-monitor/monitor.yaml \
    MONITOR_SERVER__HOST=0.0.0.0 \
    MONITOR_SERVER__PORT=8808 \
    MONITOR_STORE__URL=sqlite:////var/lib/workflow-monitor/monitor.db
WORKDIR /var/lib/workflow-monitor
VOLUME /var/lib/workflow-monitor
USER 10001:10001
EXPOSE 8808
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python3", "-c", "import os, sys, urllib.request as u; sys.exit(u.urlopen('http://127.0.0.1:%s/-/healthy' % os.environ['MONITOR_SERVER__PORT'], timeout=4).status != 200)"]
# Exec form: the monitor is PID 1 and handles the signals itself.
ENTRYPOINT ["workflow-monitor"]
CMD ["run"]

# Last, since they change with every commit and what is above does not.
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="workflow-monitor" \
      org.opencontainers.image.description="Watches workflow instances of the 8x8 Automation API and tells on-call what went wrong" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
