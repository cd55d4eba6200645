FROM scratch
RUN --netwrok=none x
