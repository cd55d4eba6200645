FROM scratch
RUN <<EOF
#!/usr/bin/env python3
print("hi")
# not a comment of ours

EOF
