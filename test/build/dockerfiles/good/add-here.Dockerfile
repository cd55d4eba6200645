FROM scratch
ADD <<x /y
z
x
