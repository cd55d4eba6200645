FROM scratch
CMD --help
