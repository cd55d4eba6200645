FROM scratch AS a
ENV x=1
FROM a AS b
ENV y=${x}2
FROM b
LABEL z=$y
