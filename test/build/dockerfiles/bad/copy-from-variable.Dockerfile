ARG s=a
FROM scratch AS a
FROM scratch
COPY --from=$s a b
