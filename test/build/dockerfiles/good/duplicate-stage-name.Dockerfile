FROM scratch AS a
LABEL n=1
FROM scratch AS a
LABEL n=2
FROM a
