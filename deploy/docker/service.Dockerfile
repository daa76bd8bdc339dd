# One image per service from this one file:
#   docker build -f deploy/docker/service.Dockerfile --build-arg PACKAGE=skillscoop-contracts --build-arg SOURCES="libs services/contracts" .
# Only the sources named are in the image, so a service cannot import another one there.
# Name images by digest (name@sha256:…) where they come from a registry: deploy/pin-images.sh prints the lines.
ARG PYTHON_IMAGE=python:3.13-slim
ARG UV_IMAGE=ghcr.io/astral-sh/uv:latest
FROM ${UV_IMAGE} AS uv

FROM ${PYTHON_IMAGE} AS build
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/app/.venv
WORKDIR /app
ARG PACKAGE
# Third parties first: this layer changes only with the lock file.
RUN --mount=type=bind,target=/src --mount=type=cache,target=/root/.cache/uv \
    cd /src && find . -name pyproject.toml -not -path '*/.venv/*' -exec cp --parents -t /app {} + && cp uv.lock /app/ \
    && cd /app && uv sync --frozen --no-dev --no-install-workspace --package "$PACKAGE"
ARG SOURCES
RUN --mount=type=bind,target=/src --mount=type=cache,target=/root/.cache/uv \
    cd /src && for folder in $SOURCES; do find "$folder" -type f -not -path '*/__pycache__/*' -exec cp --parents -t /app {} +; done \
    && cd /app && uv sync --frozen --no-dev --package "$PACKAGE" \
    && python -m compileall -q $SOURCES

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin skillscoop \
    && mkdir /data && chown skillscoop /data
COPY --from=build /app /app
COPY deploy/docker/healthcheck.py /app/healthcheck.py
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /app
USER skillscoop
ARG MODULE
ENV MODULE=${MODULE}
ENTRYPOINT ["/bin/sh", "-c", "exec python -m \"$MODULE\" \"$@\"", "--"]
