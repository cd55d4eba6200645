FROM scratch
COPY <<E\OF /a
x
EOF
COPY <<E'O'F /b
x
EOF
COPY <<'robots.txt' <<$d /c/
x
robots.txt
$d
