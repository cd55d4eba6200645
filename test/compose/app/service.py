"""One program for four services of the application: web asks api, api gives jobs to the cache, workers take them, the database keeps what they made."""
import http.server, json, os, signal, socket, sqlite3, sys, threading, time, urllib.request

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
role = sys.argv[1]


def redis(*words, patience=None):
    """One command in redis's own protocol."""
    with socket.create_connection(("cache", 6379), timeout=5) as link:
        link.settimeout(patience)
        link.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in map(str.encode, words)))
        return answer(link.makefile("rb"))


def answer(stream):
    kind, rest = (line := stream.readline())[:1], line[1:].strip()
    if kind == b"*":
        return None if rest == b"-1" else [answer(stream) for _ in range(int(rest))]
    if kind == b"$":
        return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2].decode()
    if kind == b"-":
        raise RuntimeError(rest.decode())
    return rest.decode()


def fetch(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=10) as told:
        return json.load(told)


def web(path, _):
    return {"greeting": os.environ["GREETING"], "api": fetch("http://backend:8000" + path)}


def api(path, _):
    if path.startswith("/jobs/"):
        for number in range(int(path.split("/")[2])):
            redis("RPUSH", "jobs", str(number))
        return {"queued": redis("LLEN", "jobs")}
    if path == "/health":
        return {"cache": redis("PING")}
    return fetch("http://database:8000/results")


def database(path, body):
    with sqlite3.connect("/data/results.sqlite", timeout=10) as base:
        base.execute("CREATE TABLE IF NOT EXISTS results (job TEXT, worker TEXT)")
        if body is not None:
            base.execute("INSERT INTO results VALUES (?, ?)", (body["job"], body["worker"]))
        rows = base.execute("SELECT job, worker FROM results ORDER BY CAST(job AS INTEGER)").fetchall()
        return {"jobs": len(rows), "workers": sorted({worker for _, worker in rows})}


def worker():
    print("worker is ready", flush=True)
    while True:
        taken = redis("BLPOP", "jobs", "0", patience=None)
        fetch("http://database:8000/results", {"job": taken[1], "worker": socket.gethostname()})
        print("did job", taken[1], flush=True)
        time.sleep(0.02)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self, body=None):
        try:
            status, told = 200, handle(self.path, body)
        except Exception as error:
            status, told = 500, {"error": repr(error)}
        data = json.dumps(told).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        self.do_GET(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def log_message(self, form, *words):
        print(form % words, flush=True)


if role == "worker":
    worker()
if role == "ask":
    print(json.dumps(fetch(sys.argv[2])))
    sys.exit()
handle = {"web": web, "api": api, "database": database}[role]
print(role, "listens", flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
