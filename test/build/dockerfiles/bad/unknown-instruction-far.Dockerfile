FROM scratch
apt-get update
