FROM scratch
ENV a=1
ENV a=2 b=$a
LABEL b=$b
