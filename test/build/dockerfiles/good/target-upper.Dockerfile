FROM scratch AS Build
FROM build
COPY --from=BUILD / /x
