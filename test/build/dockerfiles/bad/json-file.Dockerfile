{"FROM": "scratch"}
