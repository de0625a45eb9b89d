# The command line in a container: enrol and identify on a mounted folder.
#   docker build -t dlsfaces .
#   docker run --rm -u "$(id -u)" -v "$PWD/photos:/photos" dlsfaces enrol people/ada people/boris
#   docker run --rm -u "$(id -u)" -v "$PWD/photos:/photos" dlsfaces identify party.jpg
# PyTorch's usual build brings CUDA along (5 GB). For its smaller CPU build pass the index that PyTorch's own site names:
#   docker build --build-arg PIP_EXTRA_INDEX_URL=... -t dlsfaces .
FROM python:3.12-slim
ARG PIP_EXTRA_INDEX_URL
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY dlsfaces dlsfaces
COPY drawpeople drawpeople
RUN pip install --no-cache-dir ".[video]" && useradd --create-home reader
USER reader
WORKDIR /photos
ENTRYPOINT ["dlsfaces"]
CMD ["--help"]
