FROM scratch AS build
FROM scratch
COPY --from=Buidl! x y
