FROM Debian:Trixie
