FROM scratch
LABEL "com.example.one"="x" com.example.two=y
