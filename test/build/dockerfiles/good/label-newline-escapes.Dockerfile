FROM scratch
LABEL a="x\ny" b='x\ny' c=x\ny
