FROM scratch
RUN <<EOF
set -e
echo $x
EOF
RUN <<-"EOT" sh
	echo hi
	EOT
RUN cat <<a <<b > /x
one
a
two
b
