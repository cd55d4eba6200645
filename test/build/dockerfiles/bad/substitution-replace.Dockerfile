FROM scratch
ENV b=1 a=${b/x}
