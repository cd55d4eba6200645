FROM scratch
SHELL ["/bin/bash", "-c"]
CMD a b
ENTRYPOINT ["x", "y"]
CMD []
ENTRYPOINT
