FROM scratch AS a
COPY --from=b x y
FROM scratch AS b
COPY --from=c x y
FROM a AS c
