FROM scratch
RUN echo "$x" && echo $((1<<2)) | cat << 1
