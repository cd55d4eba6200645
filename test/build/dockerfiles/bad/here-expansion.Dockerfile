FROM scratch
COPY <<EOF /x
line
${oops
EOF
