FROM debian::x
