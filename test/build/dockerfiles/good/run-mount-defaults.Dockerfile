FROM scratch
RUN --mount=target=/x --mount=type=secret,id=a --mount=type=ssh --mount=type=cache,target=/y,ro x
