# a comment
# escape=`
FROM scratch
LABEL a=b\
c
