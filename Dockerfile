# One image for API, worker and migrations; the command says which.
ARG PYTHON=3.13-slim

FROM python:${PYTHON} AS packages
COPY requirements/app.txt /tmp/app.txt
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r /tmp/app.txt

FROM python:${PYTHON}
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin racord
COPY --from=packages /venv /venv
WORKDIR /app
COPY adapters adapters
COPY activities activities
COPY api api
COPY domain domain
COPY workflows workflows
COPY locales locales
COPY migrations migrations
COPY partners partners
COPY cli.py worker.py pyproject.toml LICENSE ./
# Bytecode is made here: the user below may write nothing, and start-up without it takes three times as long.
RUN /venv/bin/python -m compileall -q /app
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# A new volume mounted here takes over whose folder it is.
RUN install -d -m 700 -o racord /evidence
USER racord
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["python", "-m", "cli"]
CMD ["api", "--host", "0.0.0.0", "--port", "8000"]
