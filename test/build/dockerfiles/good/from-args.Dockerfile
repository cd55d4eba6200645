ARG BASE=scratch
ARG NAME
FROM ${BASE} AS one
FROM ${NAME:-one}
