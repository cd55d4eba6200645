FROM scratch
ENV a=${b:?say\ which}
