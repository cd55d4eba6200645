FROM scratch
LABEL a=$ b=a$ c="$" d=$. e=\$x
