# `hone` for a server with an NVIDIA GPU:
#
#     docker build -t hone .
#     mkdir -p ~/.cache
#     docker run --rm --gpus all --user "$(id -u):$(id -g)" -e HOME=/tmp -e XDG_CACHE_HOME=/cache \
#         -v "$PWD:/data" -v "$HOME/.cache:/cache" hone train --model … --data rows.csv --output tuned
#
# It runs as you, so that it may write to your folder; models that it fetches stay in your cache for the next run.
# The machine brings the driver (NVIDIA Container Toolkit); CUDA's own parts are in the image.
FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
# Nothing of CUDA is needed to build (docs/adr/0006).
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --package hone-cli --no-default-features --features cpu,cuda \
    && install --strip target/release/hone /usr/local/bin/hone

# Kernels are compiled when they are first used: by NVRTC, which the smaller `runtime` image has, from sources that
# include CUDA's headers, which only `devel` has.
FROM nvidia/cuda:12.8.1-devel-ubuntu24.04
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 hone \
    && install --directory --owner=hone /data
COPY --from=build /usr/local/bin/hone /usr/local/bin/hone
ENV CUDA_PATH=/usr/local/cuda
USER 10001
WORKDIR /data
ENTRYPOINT ["hone"]
CMD ["--help"]
