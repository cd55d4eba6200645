FROM scratch
ENV a=env
ARG a=arg
LABEL x=$a
