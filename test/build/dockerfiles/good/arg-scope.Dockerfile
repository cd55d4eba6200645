ARG v=1
FROM scratch
ARG v
ARG w=$v
LABEL v=$v w=$w
