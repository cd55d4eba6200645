FROM scratch
RUN ['a', 'b']
RUN [ -f x ]
