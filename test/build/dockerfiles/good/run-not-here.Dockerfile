FROM scratch
RUN echo a<<EOF
RUN echo "<<EOF"
RUN echo 'x <<EOF'
RUN cat << EOF
