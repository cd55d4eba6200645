# syntax=docker/dockerfile:1
# escape=`
# check=skip=StageNameCasing;error=true
FROM scratch
ENV p=C:\dir` with`$x
LABEL a=1 `
 b=2
