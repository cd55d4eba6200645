# first
FROM scratch
  # indented
LABEL a=1 \
# between
   # more
  b=2
#last