FROM scratch
CMD ["--help"]
ENTRYPOINT -- --x
