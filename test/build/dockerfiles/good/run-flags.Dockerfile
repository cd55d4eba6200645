FROM scratch
RUN --network=none --security=insecure --device=vendor.com/class=one x
RUN --network=host -- --x
