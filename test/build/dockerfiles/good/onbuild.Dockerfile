FROM scratch
ONBUILD COPY . /x
ONBUILD RUN echo $x
ONBUILD ENV a=$b
onbuild add <<E /f
x
E
