FROM scratch
ENV x=1
COPY <<a <<-"b" c /d/
$x \$x "q"
a
	keep $x
	b
COPY <<E /$x
E
