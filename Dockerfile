# The service of `python -m nn serve`: not root, with a file system that may be read-only.
#
#   docker build -t he-accel .
#   docker run --read-only -p 127.0.0.1:8000:8000 -v data:/data -v kernels:/opt/kernels he-accel
#
# compose.yaml has the same, and more limits.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/opt/kernels

# What is installed first changes seldom.
COPY pyproject.toml README.md LICENSE /opt/source/
COPY ntt /opt/source/ntt
COPY he /opt/source/he
COPY nn /opt/source/nn
COPY rtl /opt/source/rtl
COPY accel_model /opt/source/accel_model
COPY benchmarks /opt/source/benchmarks
RUN pip install --no-cache-dir '/opt/source[service]' && rm -r /opt/source \
 && useradd --uid 10001 --no-create-home service \
 && mkdir /data /opt/kernels && chown service /data /opt/kernels

USER 10001
# Kernels fit the CPU that compiles them. On a CPU of another kind the service compiles its own, once;
# a volume at /opt/kernels starts with what is here, and keeps those.
RUN python -m nn warm

VOLUME ["/data", "/opt/kernels"]
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=10s --start-period=120s \
  CMD ["python", "-m", "nn.service.server.health"]
ENTRYPOINT ["python", "-m", "nn", "serve", "--data", "/data"]
CMD ["--host", "0.0.0.0"]
