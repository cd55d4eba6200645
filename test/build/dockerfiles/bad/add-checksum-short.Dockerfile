FROM scratch
ADD --checksum=sha256:0123 https://example.com/x /x
