FROM scratch
RUN --security=none x
