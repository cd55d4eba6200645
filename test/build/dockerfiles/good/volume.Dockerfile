FROM scratch
ENV x=/x
VOLUME /a /b
VOLUME ["/c d", "/e"]
VOLUME $x
