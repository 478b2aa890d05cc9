# gatebench itself, with the reference gateway:
#
#   docker build -t gatebench .                                   (or: gatebench images build)
#   docker run --rm -v "$PWD/evidence:/evidence" --user "$(id -u)" gatebench run --out /evidence
#
# The first stage makes wheels of what requirements.lock pins, by hash, and of gatebench; the second has the running part of
# them installed, and nothing that builds.
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS build
# For builders whose index is not the default one; they are not in the finished image.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
WORKDIR /build
COPY requirements.lock ./
RUN python3 -m venv /build/tools \
 && /build/tools/bin/python -m pip wheel --no-cache-dir --disable-pip-version-check --quiet --no-deps --require-hashes \
      --wheel-dir /build/wheels -r requirements.lock
# Dependencies first: they change seldom. The image has every extra.
COPY pyproject.toml ./
RUN python3 -m venv /opt/gatebench \
 && /build/tools/bin/python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print(*project['dependencies'], *sum(project['optional-dependencies'].values(), []), sep='\n')" > /build/running.txt \
 && /opt/gatebench/bin/python -m pip install --no-cache-dir --disable-pip-version-check --quiet --no-index \
      --find-links /build/wheels -r /build/running.txt
COPY README.md ./
COPY gatebench gatebench
COPY conformance conformance
COPY fixtures fixtures
COPY load load
COPY mock_upstreams mock_upstreams
COPY reports reports
RUN /build/tools/bin/python -m pip wheel --no-cache-dir --disable-pip-version-check --quiet --no-deps --no-index \
      --find-links /build/wheels --wheel-dir /build/own . \
 && /opt/gatebench/bin/python -m pip install --no-cache-dir --disable-pip-version-check --quiet --no-index --no-deps /build/own/*.whl \
 && /opt/gatebench/bin/python -m pip uninstall --yes --quiet pip setuptools

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/gatebench /opt/gatebench
ENV PATH=/opt/gatebench/bin:${PATH} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp MPLCONFIGDIR=/tmp
WORKDIR /work
# Where compose.yaml keeps a world: a volume takes its owner from here.
RUN chmod 1777 /work && mkdir /world && chown 10001:10001 /world
USER 10001:10001
EXPOSE 8080
# Says something of the one command that serves, `gateway` on port 8080; `docker run ... run` ends before it is asked twice.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-c", \
  "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["gatebench"]
CMD ["--help"]
