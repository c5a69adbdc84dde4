# Any image with Python 3.11 or newer serves as the base: docker build --build-arg BASE=... .
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
COPY pyproject.toml README.md LICENSE /src/
COPY monitor /src/monitor
RUN python3 -m venv /opt/workflow-monitor \
 && /opt/workflow-monitor/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-compile /src \
 && /opt/workflow-monitor/bin/python -m pip uninstall --yes --quiet pip \
 && /opt/workflow-monitor/bin/python -m compileall -q /opt/workflow-monitor/lib

FROM ${BASE}
LABEL org.opencontainers.image.title="workflow-monitor" \
      org.opencontainers.image.description="Watches workflow instances of the 8x8 Automation API and tells on-call what went wrong" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --system --gid 10001 monitor \
 && useradd --system --uid 10001 --gid monitor --home-dir /var/lib/workflow-monitor --shell /usr/sbin/nologin monitor \
 && install -d -o monitor -g monitor -m 0750 /var/lib/workflow-monitor
COPY --from=build /opt/workflow-monitor /opt/workflow-monitor
COPY config /etc/workflow-monitor

# The root file system may be read-only: all that is written lies in the one volume.
# Address, port and database are set here, over the settings file: what probes, publishes and mounts must know them.
ENV PATH=/opt/workflow-monitor/bin:$PATH \
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
