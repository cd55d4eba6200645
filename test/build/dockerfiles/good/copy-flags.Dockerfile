FROM scratch
ARG u=1
COPY --chown=$u:$u --chmod=0755 --link a /b
COPY --chmod=u=rwX,go=rX --link=false --parents --exclude=*.md --exclude=!a.md a/./b /c/
