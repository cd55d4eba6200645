"""A life with python3-docker: each step prints a line, or the script ends with an exception."""
import io
import sys
import tarfile
import time

import docker
from docker.errors import APIError, ImageNotFound, NotFound

client = docker.DockerClient(base_url=sys.argv[1], timeout=60)


def step(name, holds):
    if not holds:
        raise AssertionError(name)
    print(name)


def refused(status, call):
    try:
        call()
    except APIError as error:
        return error.response.status_code == status
    return False


step("ping", client.ping())
step("version", client.version()["ApiVersion"] >= "1.41")
step("info", client.info()["Containers"] == 0)
step("image", client.images.get("busybox").tags == ["busybox:latest"])
step("images", len(client.images.list()) == 1)
step("run", client.containers.run("busybox", "echo hello", remove=True) == b"hello\n")

failed = None
try:
    client.containers.run("busybox", "sh -c 'echo wrong >&2; exit 3'", remove=True, stderr=True)
except docker.errors.ContainerError as error:
    failed = error
step("exit code", failed.exit_status == 3 and b"wrong" in failed.stderr)

network = client.networks.create("together", labels={"suite": "py"})
volume = client.volumes.create("kept", labels={"suite": "py"})
container = client.containers.run(
    "busybox",
    ["sh", "-c", "echo begin; exec sleep 600"],
    detach=True,
    name="steady",
    environment={"A": "b"},
    labels={"suite": "py"},
    volumes={"kept": {"bind": "/data", "mode": "rw"}},
    network="together",
    mem_limit="64m",
    hostname="named",
    restart_policy={"Name": "on-failure", "MaximumRetryCount": 2},
)
step("status", container.status in ("created", "running"))
container.reload()
step("reload", container.status == "running" and container.attrs["HostConfig"]["Memory"] == 64 << 20)
step("list", [c.name for c in client.containers.list(filters={"label": "suite=py"})] == ["steady"])
follower = container.logs(stream=True, follow=True)
step("logs", next(follower) == b"begin\n")
code, output = container.exec_run("sh -c 'echo $A; hostname; exit 4'")
step("exec", (code, output) == (4, b"b\nnamed\n"))
code, (out, err) = container.exec_run("sh -c 'echo o; echo e >&2'", demux=True)
step("exec demultiplexed", (out, err) == (b"o\n", b"e\n"))

archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w") as tar:
    entry = tarfile.TarInfo("note.txt")
    entry.size = 7
    tar.addfile(entry, io.BytesIO(b"a note\n"))
step("put archive", container.put_archive("/data", archive.getvalue()))
stream, stat = container.get_archive("/data/note.txt")
with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
    step("get archive", stat["name"] == "note.txt" and tar.extractfile("note.txt").read() == b"a note\n")

step("diff", isinstance(container.diff(), list))
step("top", "sleep 600" in container.top()["Processes"][0][-1])
step("stats", container.stats(stream=False)["memory_stats"]["usage"] > 0)
container.pause()
container.reload()
step("pause", container.status == "paused")
container.unpause()
container.rename("renamed")
container.reload()
step("rename", container.name == "renamed")
container.update(mem_limit="128m", memswap_limit="-1")
container.reload()
step("update", container.attrs["HostConfig"]["Memory"] == 128 << 20)
container.restart(timeout=0)
container.reload()
step("restart", container.status == "running")
image = container.commit("made", tag="1", changes="CMD echo committed")
step("commit", client.containers.run("made:1", remove=True) == b"committed\n")
step("history", len(image.history()) >= 1)
network.disconnect(container)
network.connect(container, aliases=["again"])
container.reload()
step("networks", list(container.attrs["NetworkSettings"]["Networks"]) == ["together"])
container.kill()
step("wait", container.wait()["StatusCode"] == 137)
events = client.events(since=0, until=int(time.time()) + 1, decode=True, filters={"container": container.id, "event": "die"})
step("events", [event["Action"] for event in events][-1] == "die")
step("in use", refused(409, lambda: client.volumes.get("kept").remove()))
container.remove(v=True)
volume.remove()
network.remove()
client.images.remove("made:1")
step("df", client.df()["Containers"] in (None, []))
step("prune", client.containers.prune()["ContainersDeleted"] is None)
for what, error in (("image", ImageNotFound), ("container", NotFound), ("network", NotFound), ("volume", NotFound)):
    try:
        getattr(client, what + "s").get("nosuch")
    except error:
        print("no such " + what)
