"""Fronts that are known to be weak, to show that the checker sees it: an nginx as it is often set up, and a proxy that thinks
that only POST and PUT have bodies."""
import json
import os
import re
import socket
import ssl
import threading
from pathlib import Path

from confusion.wire import connect_from
from lab import free_port, tls_context, wait_for

NGINX = """daemon off;
{user}worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 1024; }}
http {{
  log_format decision escape=json '{{"srcip":"$remote_addr","action":"accept","method":"$request_method","hostname":"$host","path":"$uri"}}';
  access_log {dir}/decisions.log decision;
  underscores_in_headers on;
  ignore_invalid_headers off;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4;
  scgi_temp_path {dir}/t5;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto https;
  proxy_set_header X-Forwarded-Host $http_host;
  upstream app {{ server 127.0.0.1:{app}; keepalive 8; }}
  upstream tenant {{ server 127.0.0.1:{tenant}; keepalive 8; }}
  upstream admin {{ server 127.0.0.1:{admin}; keepalive 8; }}
  upstream version {{ server 127.0.0.1:{version}; keepalive 8; }}
  upstream secret {{ server 127.0.0.1:{secret}; keepalive 8; }}
  map $host $other {{ tenant.example 1; default 0; }}
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    location / {{ if ($other) {{ proxy_pass http://tenant; }} proxy_pass http://app; }}
    location /admin/ {{ proxy_pass http://admin; }}
    location ~ ^/v[0-9]+/ {{ proxy_pass http://version; }}
    location ~ /secret {{ proxy_pass http://secret; }}
  }}
}}
"""


class UsualNginx:
    def __init__(self, lab, directory, certificate, key, ports, kind):
        place = Path(directory)
        place.mkdir()
        self.log = place / "decisions.log"
        self.port = free_port()
        (place / "nginx.conf").write_text(NGINX.format(
            dir=place, user="user root;\n" if os.geteuid() == 0 else "", port=self.port, certificate=certificate, key=key,
            **{name.split(".")[1]: port for name, port in ports.items() if name.startswith(kind + ".")}))
        lab.start("weak-nginx", ["nginx", "-e", "stderr", "-c", place / "nginx.conf"])
        wait_for(lambda: connect_from("127.0.0.1", self.port, tls_context()).close() is None, "the weak nginx to listen")

    def decisions(self):
        return [json.loads(line) for line in self.log.read_text(errors="replace").splitlines()]


class NoBodies:
    """Reads every body by its length and hands it on, but tells the application a length with POST and PUT only; one connection
    to the application for everybody."""

    def __init__(self, certificate, key, app):
        self.app, self.kept, self.lock, self.lines = app, None, threading.Lock(), []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                raw, peer = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(raw, peer[0]), daemon=True).start()

    def serve(self, raw, source):
        try:
            raw.settimeout(5)
            with self.context.wrap_socket(raw, server_side=True) as client:
                data = b""
                while True:
                    while b"\r\n\r\n" not in data:
                        more = client.recv(65536)
                        if not more:
                            return
                        data += more
                    head, data = data.split(b"\r\n\r\n", 1)
                    length = re.search(rb"(?im)^content-length: *(\d{1,6})\s*$", head)
                    length = int(length[1]) if length else 0
                    while len(data) < length:
                        more = client.recv(65536)
                        if not more:
                            return
                        data += more
                    body, data = data[:length], data[length:]
                    client.sendall(self.ask(source, head, body))
        except (OSError, ValueError):
            pass

    def ask(self, source, head, body):
        line, rest = head.split(b"\r\n", 1)
        host = re.search(rb"(?im)^host: *(.*?)\s*$", rest)
        host = host[1] if host else b""
        method, target, _ = line.split(b" ", 2)
        self.lines.append({"srcip": source, "action": "accept", "method": method.decode(), "hostname": host.decode(), "path": target.decode()})
        if method not in (b"POST", b"PUT"):
            rest = re.sub(rb"(?im)^content-length:.*\r\n|\r\ncontent-length:.*$", b"", rest)
        ours = b"X-Forwarded-For: %s\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: %s\r\n" % (source.encode(), host)
        with self.lock:
            if self.kept is None:
                self.kept = socket.create_connection(("127.0.0.1", self.app), timeout=0.1)
            try:
                self.kept.sendall(line + b"\r\n" + ours + rest + b"\r\n\r\n" + body)
                stream = self.kept.makefile("rb")
                answer = stream.readline()
                size = None
                while (header := stream.readline()).strip():
                    answer += header
                    if header.lower().startswith(b"content-length:"):
                        size = int(header.split(b":")[1])
                if size is None:        # an application that gives up
                    raise ConnectionError
                # (What the stream has read beyond this answer is lost, and so is whoever waits for it.)
                return answer + b"\r\n" + stream.read(size)
            except (OSError, ValueError):
                self.kept.close()
                self.kept = None
                return b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"

    def decisions(self):
        return self.lines

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
