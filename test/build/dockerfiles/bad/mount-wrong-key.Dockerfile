FROM scratch
RUN --mount=type=tmpfs,target=/x,from=a y
