FROM scratch
ARG where=/x
RUN --mount=type=cache,target=$where,id=${where}-id x
