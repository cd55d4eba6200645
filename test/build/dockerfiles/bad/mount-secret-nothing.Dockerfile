FROM scratch
RUN --mount=type=secret y
