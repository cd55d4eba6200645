FROM scratch
RUN --network=bridge x
