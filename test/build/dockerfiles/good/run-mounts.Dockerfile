FROM scratch
RUN --mount=type=bind,source=src,target=/src,rw --mount=type=cache,target=/c,id=k,sharing=locked,mode=0700,uid=1,gid=2 --mount=type=tmpfs,dst=/t,size=64m --mount=type=secret,id=s,env=S,required --mount=type=ssh,id=d x
