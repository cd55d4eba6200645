FROM busybox AS busybox
RUN x
