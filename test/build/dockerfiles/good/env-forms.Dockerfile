FROM scratch
ENV a=1 b="two words" c=three\ words d='$a' e=
ENV old all the rest "of it"
