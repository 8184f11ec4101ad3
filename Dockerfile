# A BC260Y on TCP port 7000 with the built-in platforms: `docker run -p 7000:7000 modemsim`.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY profiles profiles
COPY modemsim modemsim
RUN python3 -m venv /opt/modemsim \
 && /opt/modemsim/bin/pip install --no-cache-dir --quiet -c constraints.txt . \
 && /opt/modemsim/bin/pip uninstall --quiet --yes pip

FROM python:3.12-slim
# ldconfig: some builds of Python keep their shared library in /usr/local/lib.
RUN ldconfig && useradd --system --create-home --home-dir /var/lib/modemsim modemsim
COPY --from=build /opt/modemsim /opt/modemsim
ENV PATH=/opt/modemsim/bin:$PATH PYTHONUNBUFFERED=1
USER modemsim
WORKDIR /var/lib/modemsim
EXPOSE 7000
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s \
  CMD ["modemsim", "ctl", "--control", "127.0.0.1:7001", "status"]
CMD ["modemsim", "run", "bc260y", "--tcp", "0.0.0.0:7000", "--control", "127.0.0.1:7001"]
