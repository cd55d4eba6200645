FROM scratch
RUN echo "unclosed
CMD it's
