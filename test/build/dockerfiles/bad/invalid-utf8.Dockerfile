FROM scratch
LABEL a=café
