FROM --platform=$BUILDPLATFORM scratch AS a
FROM --platform=linux/amd64 scratch AS b-amd64
COPY --from=a / /
