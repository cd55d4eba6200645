FROM scratch
COPY <<a \
  /d/
foo
a
