FROM scratch
LABEL a=x\\
LABEL b=y
