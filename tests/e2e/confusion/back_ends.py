"""Three applications that say what they understood: node, and nginx and HAProxy with node behind them. Each has several
places (a port each), so that a request tells also to which of them it was led."""
import json
import os
import re
from pathlib import Path

from lab import free_port, wait_for

KINDS = ("nginx", "haproxy", "node")
PLACES = ("app", "admin", "version", "secret", "tenant")

NGINX_HEAD = """daemon off;
{user}worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 1024; }}
http {{
  log_format refused escape=json '{{"status":"$status","line":"$request"}}';
  map "$upstream_addr" $by_itself {{ "" 1; default 0; }}
  access_log {dir}/refused.log refused if=$by_itself;
  underscores_in_headers on;
  ignore_invalid_headers off;
  merge_slashes off;
  keepalive_requests 1000000;
  keepalive_timeout 1h;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4;
  scgi_temp_path {dir}/t5;
  proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  proxy_set_header Connection "";
"""
NGINX_PLACE = """  upstream {place} {{ server 127.0.0.1:{node}; keepalive 8; }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{place}; }} }}
"""
HAPROXY_HEAD = """global
  nbthread 1
  maxconn 1000
  log stdout format raw local0
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  log global
  log-format "asked %ST %s %{+Q}r"
  option accept-invalid-http-request
  http-reuse always
"""
HAPROXY_PLACE = """frontend {place}
  bind 127.0.0.1:{port}
  default_backend to-{place}
backend to-{place}
  server one 127.0.0.1:{node}
"""


class BackEnds:
    def __init__(self, lab, directory):
        self.lab, self.directory = lab, Path(directory)
        self.directory.mkdir()
        self.requests = self.directory / "requests"
        self.requests.touch()
        ready = self.directory / "ports"
        names = [f"{kind}.{place}" for kind in KINDS for place in PLACES]
        lab.start("recorder", ["node", Path(__file__).parent / "recorder.js", self.requests, ready, *names])
        wait_for(ready.exists, "the recorder to listen", 20)
        node = json.loads(ready.read_text())
        self.ports = {f"node.{place}": node[f"node.{place}"] for place in PLACES}
        self.start_nginx(node)
        self.start_haproxy(node)
        self.read_so_far = {}

    def start_nginx(self, node):
        place = self.directory / "nginx"
        place.mkdir()
        text = NGINX_HEAD.format(dir=place, user="user root;\n" if os.geteuid() == 0 else "")
        for name in PLACES:
            self.ports[f"nginx.{name}"] = port = free_port()
            text += NGINX_PLACE.format(place=name, port=port, node=node[f"nginx.{name}"])
        (place / "nginx.conf").write_text(text + "}\n")
        self.refused_by_nginx = place / "refused.log"
        self.lab.start("back-end-nginx", ["nginx", "-e", "stderr", "-c", place / "nginx.conf"])

    def start_haproxy(self, node):
        place = self.directory / "haproxy"
        place.mkdir()
        text = HAPROXY_HEAD
        for name in PLACES:
            self.ports[f"haproxy.{name}"] = port = free_port()
            text += HAPROXY_PLACE.format(place=name, port=port, node=node[f"haproxy.{name}"])
        (place / "haproxy.cfg").write_text(text)
        program = "/usr/sbin/haproxy"
        self.haproxy = self.lab.start("back-end-haproxy", [program, "-db", "-f", place / "haproxy.cfg"])

    def _new_lines(self, file, reader=""):
        """Whole lines that this reader has not had yet."""
        if not file.exists():
            return []
        start = self.read_so_far.get((file, reader), 0)
        with open(file, "rb") as opened:
            opened.seek(start)
            data = opened.read()
        whole = data[:data.rfind(b"\n") + 1]
        self.read_so_far[file, reader] = start + len(whole)
        return whole.decode(errors="replace").splitlines()

    def refused_since(self, kind):
        """Lines of what this kind of application refused as no request of its own, since the last call."""
        if kind == "nginx":
            return self._new_lines(self.refused_by_nginx)
        if kind == "node":
            return [line for line in self._new_lines(self.requests, "node") if '"bad":' in line and '"node.' in line[:40]]
        # A server's name is <NOSRV> where HAProxy answered by itself; a connection that ended between requests is none.
        asked = (re.match(r"asked (\S+) (\S+) (.*)", line) for line in self._new_lines(self.haproxy.log))
        return [a[0] for a in asked if a and a[2] == "<NOSRV>" and a[1] not in ("0", "-1") and a[3] != '""']

    def understood(self, kind):
        """All requests that this kind of application understood since the last call."""
        records = [json.loads(line) for line in self._new_lines(self.requests, f"all of {kind}")]
        for record in records:
            record["kind"], record["place"] = record["name"].split(".")
        return [r for r in records if r["kind"] == kind and "bad" not in r]
