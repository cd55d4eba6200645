FROM scratch
ADD https://example.com/a.tar.gz /a/
ADD git@example.com:team/app.git#v1:sub /b
ADD --keep-git-dir=true https://example.com/team/app.git#main /c
ADD --checksum=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef https://example.com/x /x
ADD --unpack=false a.tar /d
ADD --link --chown=1 --exclude=x a /e
