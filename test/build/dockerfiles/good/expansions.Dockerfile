FROM scratch
ENV p=one/two/three e=
LABEL a=${p#*/} b=${p##*/} c=${p%/*} d=${p%%/*} f=${p/one/1} g=${p//\//-} h=${e:-x} i=${e-x} j=${p:+y} k=${n+y} l=${p:?need} m=$1$@
