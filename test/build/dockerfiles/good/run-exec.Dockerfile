FROM scratch
RUN ["a", "b c", "d\"e", "\u00e9"]
