FROM scratch AS a
FROM scratch
RUN --mount=from=a,target=/a --mount=type=bind,from=busybox,target=/b,source=/ x
