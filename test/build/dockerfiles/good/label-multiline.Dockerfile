FROM scratch
LABEL text="first \
second" \
      other=1
