ARG a
FROM scratch
RUN --mount=from=$a,target=/x y
