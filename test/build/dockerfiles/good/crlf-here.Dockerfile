FROM scratch
COPY <<EOF /f
one
EOF
