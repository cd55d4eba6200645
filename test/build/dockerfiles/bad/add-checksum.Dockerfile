FROM scratch
ADD --checksum=md5:00 https://example.com/x /x
