# café
FROM scratch
