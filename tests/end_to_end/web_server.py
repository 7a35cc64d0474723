"""A server of files for tests: byte ranges, kept connections, counters, faults on demand, HTTPS with a certificate of its own, and S3 that checks signatures."""
import collections
import email.utils
import hashlib
import hmac
import http.server
import pathlib
import re
import ssl
import subprocess
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "a+secret/key", "AWS_REGION": "eu-test-7"}


def signature(secret, region, date, amz_date, canonical):
    key = ("AWS4" + secret).encode()
    for part in (date, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = "\n".join(["AWS4-HMAC-SHA256", amz_date, f"{date}/{region}/s3/aws4_request", hashlib.sha256(canonical.encode()).hexdigest()])
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", cut=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", len(body))
        self.end_headers()
        sent = body if cut is None else body[:cut]
        self.wfile.write(sent)
        with self.server.lock:
            self.server.sent += len(sent)
        if cut is not None:
            self.close_connection = True
            self.connection.close()

    def xml_error(self, status, code, **headers):
        self.answer(status, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>of the test</Message></Error>".encode(), Content_Type="application/xml", **headers)

    def signed_rightly(self, path, query):
        keys = self.server.s3
        head = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d+)/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)", self.headers.get("Authorization", ""))
        if not head or head[1] != keys["AWS_ACCESS_KEY_ID"] or head[3] != keys["AWS_REGION"]:
            return False
        names = head[4].split(";")
        wanted = {"host", "x-amz-date", "x-amz-content-sha256"} | ({"x-amz-security-token"} if "AWS_SESSION_TOKEN" in keys else set())
        if not wanted <= set(names) or self.headers.get("x-amz-security-token") != keys.get("AWS_SESSION_TOKEN"):
            return False
        lines = "".join(f"{n}:{' '.join(self.headers[n].split())}\n" for n in names)
        canonical = "\n".join(["GET", path, "&".join(sorted(query.split("&"))) if query else "", lines, head[4], self.headers["x-amz-content-sha256"]])
        return hmac.compare_digest(signature(keys["AWS_SECRET_ACCESS_KEY"], keys["AWS_REGION"], head[2], self.headers["x-amz-date"], canonical), head[5])

    def do_GET(self):
        server = self.server
        path, _, query = self.path.partition("?")
        name = urllib.parse.unquote(path).lstrip("/")
        with server.lock:
            server.requests.append((name, self.headers.get("Range")))
            fault = server.faults[name].pop(0) if server.faults[name] else None
        if callable(fault):
            fault = fault()
        if isinstance(fault, int):
            return self.answer(fault, b"not now", **({"Retry_After": "0"} if fault == 429 else {}))
        if isinstance(fault, str):
            return self.xml_error(301, "PermanentRedirect", x_amz_bucket_region=fault) if server.s3 is not None else self.answer(302, Location=fault)
        if isinstance(fault, float):
            time.sleep(fault)
        if server.s3 is not None:
            if server.s3 and not self.signed_rightly(path, query):
                return self.xml_error(403, "SignatureDoesNotMatch")
            if "list-type=2" in query:
                return self.list_keys(name, dict(urllib.parse.parse_qsl(query, keep_blank_values=True)))
        file = server.root / name
        if file.is_dir() and server.s3 is None:
            links = "".join(f'<a href="{urllib.parse.quote(f.name)}{"/" if f.is_dir() else ""}">{f.name}</a>\n' for f in sorted(file.iterdir()))
            return self.answer(200, f"<html><a href=\"../\">up</a><a href=\"?C=N\">name</a>{links}</html>".encode(), Content_Type="text/html")
        if not file.is_file():
            return self.xml_error(404, "NoSuchKey") if server.s3 is not None else self.answer(404, b"absent")
        self.send_file(file, fault)

    def list_keys(self, bucket, asked):
        root = self.server.root / bucket
        keys = sorted(str(f.relative_to(root)) for f in root.rglob("*") if f.is_file())
        keys = [k for k in keys if k.startswith(asked["prefix"]) and "/" not in k[len(asked["prefix"]):]]
        first = int(asked.get("continuation-token", "=0").split("=")[1])
        some = keys[first:first + 2]
        more = first + 2 < len(keys)
        body = "".join(f"<Contents><Key>{escape(k)}</Key></Contents>" for k in some)
        token = f"<NextContinuationToken>t/={first + 2}</NextContinuationToken>" if more else ""
        self.answer(200, f"<?xml version='1.0'?><ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{body}{token}</ListBucketResult>".encode().replace(b"t/=", b"t="), Content_Type="application/xml")

    def send_file(self, file, fault):
        data = file.read_bytes() if file.stat().st_size < 1 << 20 else None
        status = file.stat()
        head = {"ETag": f'"{status.st_size:x}-{status.st_mtime_ns:x}"', "Last_Modified": email.utils.formatdate(status.st_mtime, usegmt=True), "Accept_Ranges": "bytes" if self.server.ranges else "none"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")) if self.server.ranges else None
        first, last = (int(wanted[1]), min(int(wanted[2]), status.st_size - 1)) if wanted else (0, status.st_size - 1)
        if wanted and first >= status.st_size:
            return self.answer(416, Content_Range=f"bytes */{status.st_size}")
        if data is None:
            with open(file, "rb") as f:
                f.seek(first)
                body = f.read(last + 1 - first)
        else:
            body = data[first:last + 1]
        if wanted:
            head["Content_Range"] = f"bytes {first}-{last}/{status.st_size}"
        cut = len(body) // 2 if fault == b"cut" else None
        self.answer(206 if wanted else 200, body, cut, **head)


class WebServer(http.server.ThreadingHTTPServer):
    """Serves `root`. `faults[name]`: what the next requests for a file get: a status, seconds to wait (float), b"cut" (half a body), an address to go to (str; with S3 the bucket's region), something to be called first.
    `s3`: None, {} for public buckets, or the keys that requests must be signed with."""
    daemon_threads = True

    def __init__(self, root, ranges=True, s3=None, certificate=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.root, self.ranges, self.s3 = pathlib.Path(root), ranges, s3
        self.lock, self.faults = threading.Lock(), collections.defaultdict(list)
        self.requests, self.connections, self.sent = [], 0, 0
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.scheme = "https"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, address):
        pass  # a client that breaks off is part of the tests

    def url(self, name=""):
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}/{name}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def make_certificate(path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    with open(path, "a") as key:
        key.write(pathlib.Path(f"{path}.crt").read_text())
    return path, f"{path}.crt"
