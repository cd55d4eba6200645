from scratch as one
from scratch
copy --from=one / /
cmd ["a"]
