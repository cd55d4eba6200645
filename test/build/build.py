import io
import sys

import docker

client = docker.DockerClient(base_url=sys.argv[1], version="auto")
image, log = client.images.build(
    fileobj=io.BytesIO(b"FROM busybox\nARG A=1\nRUN echo got $A\nLABEL x=y\n"),
    tag="py:1",
    buildargs={"A": "two"},
    labels={"z": "w"},
    shmsize=1 << 26,
    container_limits={"memory": 1 << 28, "cpushares": 512},
    extra_hosts={"db": "10.1.2.3"},
)
assert "got two" in "".join(part.get("stream", "") for part in log)
assert image.labels == {"x": "y", "z": "w"}, image.labels
try:
    client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRUN exit 5\n"))
    raise SystemExit("a RUN that fails did not fail")
except docker.errors.BuildError as error:
    assert "returned a non-zero code: 5" in str(error), error
try:
    client.images.build(fileobj=io.BytesIO(b"FROM busybox\nRNU x\n"))
    raise SystemExit("an unknown instruction was taken")
except docker.errors.APIError as error:
    assert "did you mean RUN" in str(error), error
print("ok")
