FROM scratch
ARG a
ARG b=1 c="two words" d='$b'
ARG e=${b}x f
