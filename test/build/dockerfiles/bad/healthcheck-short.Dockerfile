FROM scratch
HEALTHCHECK --timeout=1us CMD x
