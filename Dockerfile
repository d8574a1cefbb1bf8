# elmo-server, elmo-client, the libraries that these two need, the shipped model,
# and nothing else: docs/container.md. For trixie: --build-arg SUITE=trixie.
ARG SUITE=bookworm

FROM debian:${SUITE}-slim AS build
WORKDIR /src
COPY scripts/packages.sh scripts/
RUN bash -c '. scripts/packages.sh && install_packages "${build_packages[@]}" ccache'
COPY . .
ENV CMAKE_CXX_COMPILER_LAUNCHER=ccache
RUN --mount=type=cache,target=/root/.cache/ccache \
    cmake --preset release && ninja -C build/release elmo-server elmo-client
# none: where the same sources have just been tested.
ARG TESTS=quick
RUN --mount=type=cache,target=/root/.cache/ccache \
    [ "$TESTS" = none ] || deploy/image/quick-tests
RUN deploy/image/make-root /image

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="elmo-serving" \
      org.opencontainers.image.description="ELMo word vectors over gRPC" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image /
# Another model: mount its package here.
COPY models/elmo-en-small /models/elmo
ENV ELMO_MODEL=/models/elmo \
    ELMO_LISTEN=[::]:50051 \
    ELMO_METRICS_LISTEN=0.0.0.0:9464 \
    ELMO_SERVER=127.0.0.1:50051
USER 65532:65532
# All libraries are there, and the model can be served: or there is no image.
RUN ["/usr/bin/elmo-server", "--check"]
EXPOSE 50051 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["/usr/bin/elmo-client", "health", "--timeout", "2"]
ENTRYPOINT ["/usr/bin/elmo-server"]
