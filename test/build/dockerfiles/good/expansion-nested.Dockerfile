FROM scratch
LABEL a=${x:-${y:-${z:-deep}}} b="${x:-"inner"}" c=${x:-a\}b}
