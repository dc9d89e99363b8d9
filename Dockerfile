FROM python:3.13-slim-trixie AS build
ARG UV_VERSION=0.13.8
RUN pip install --no-cache-dir --disable-pip-version-check "uv==${UV_VERSION}"
ENV UV_PROJECT_ENVIRONMENT=/opt/llmchat \
    UV_PYTHON=/usr/local/bin/python3 \
    UV_PYTHON_DOWNLOADS=never \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1
WORKDIR /src
# The dependencies in a layer of their own: a change of our source then does not fetch them again.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --extra mqtt --extra otel --no-install-project
COPY LICENSE README.md alembic.ini ./
COPY alembic ./alembic
COPY src ./src
RUN uv sync --frozen --no-dev --extra mqtt --extra otel --no-editable


FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="llmchat" \
      org.opencontainers.image.description="Chat answers that survive: every generation is a durable log that any client can resume exactly." \
      org.opencontainers.image.licenses="MIT"
# A fixed id, so that whoever mounts a folder as /data can give it to the right user beforehand.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 llmchat \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin llmchat \
    && install --directory --owner=llmchat --group=llmchat --mode=0700 /data
COPY --from=build /opt/llmchat /opt/llmchat
ENV PATH=/opt/llmchat/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LLMCHAT_DATA_DIR=/data \
    HOST=0.0.0.0 \
    PORT=8000
USER 10001:10001
# An llmchat.toml or .env in the volume is found there too.
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# http.client, because urllib would ask a configured proxy for the container's own loopback.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-c", "\
import http.client, os, sys; \
port = int(os.environ.get('LLMCHAT_PORT') or os.environ['PORT']); \
connection = http.client.HTTPConnection('127.0.0.1', port, timeout=4); \
connection.request('GET', '/health/live'); \
sys.exit(connection.getresponse().status != 200)"]
ENTRYPOINT ["llmchat"]
CMD ["serve"]
