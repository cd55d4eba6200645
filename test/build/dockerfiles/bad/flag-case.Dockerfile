FROM scratch
COPY --From=a b c
