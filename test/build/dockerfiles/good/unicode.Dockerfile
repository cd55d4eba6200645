FROM scratch
LABEL "größe"="ü→✓" emoji=🐳
COPY ä ö/
