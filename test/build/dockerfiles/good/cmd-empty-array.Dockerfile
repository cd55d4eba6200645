FROM scratch
CMD [ ]
ENTRYPOINT []
