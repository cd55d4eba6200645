RUN echo
FROM scratch
