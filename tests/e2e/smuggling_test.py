"""Whatever a client sends: refused, or understood by nginx, HAProxy and node as the gateway decided, and nothing of it by
anybody else. The cases are in confusion/cases_*.py."""
import json
import os
import re
import ssl
import threading
import time
import unittest
from pathlib import Path

import harness
from confusion import cases_bodies, cases_headers, cases_http2, cases_names, checker, floods, weak_fronts
from confusion.back_ends import KINDS, BackEnds
from harness import StackTest, https, tls_context, wait_for
from lab import free_port
from tls_server import Authority

CASES = [case for module in (cases_bodies, cases_names, cases_headers, cases_http2) for case in module.cases()]

VIRTUAL_HOST = """config firewall access-proxy-virtual-host
    edit "tenant"
        set host "tenant.example"
        set host-type wildcard
    next
end
"""
MAPPINGS = {"app": "", "admin": 'set url-map "/admin/*"\nset url-map-type wildcard', "version": 'set url-map "^/v[0-9]+/"\nset url-map-type regex',
            "secret": 'set url-map "/secret"', "tenant": 'set virtual-host "tenant"'}


def access_proxy(kind, port, ports):
    text = f"""config firewall vip
edit "{kind}"
set extip 127.0.0.1
set extport {port}
next
end
config firewall access-proxy
edit "{kind}"
set vip "{kind}"
config api-gateway
"""
    for number, (place, mapping) in enumerate(MAPPINGS.items(), 1):
        text += (f"edit {number}\n{mapping}\nconfig realservers\nedit 1\nset ip 127.0.0.1\nset port {ports[f'{kind}.{place}']}\n"
                 "next\nend\nnext\n")
    return text + "end\nnext\nend\n"


def client_contexts(certificate=None, key=None):
    out = {}
    for http2 in (False, True):
        for tls12 in (False, True):
            context = tls_context(certificate, key)
            context.set_alpn_protocols(["h2"] if http2 else ["http/1.1"])
            if tls12:
                context.maximum_version = ssl.TLSVersion.TLSv1_2
            out[http2, tls12] = context
    return out


class Smuggling(StackTest):
    options = {"namespaces": False, "restart": False}
    letter = "j"

    @classmethod
    def set_up(cls, stack):
        workers = stack.gateway.command.index("--nginx-workers") + 1
        stack.gateway.command[workers] = 1      # all cases and all marked requests share its connections to applications
        stack.start_programs()
        stack.ems.sign_in()
        stack.connect_fabric()
        stack.make_tags()
        cls.back_ends = BackEnds(stack.lab, cls.directory / "back-ends")
        cls.ports = {kind: free_port() for kind in KINDS}
        stack.gateway.configure(VIRTUAL_HOST + "".join(access_proxy(kind, cls.ports[kind], cls.back_ends.ports) for kind in KINDS) +
                                f"""config firewall proxy-policy
edit 1
set access-proxy {" ".join(f'"{kind}"' for kind in KINDS)}
set ztna-ems-tag "EMS1_ZTNA_Telemetry-Connected"
set action accept
set logtraffic all
next
end
""")
        stack.wait_evaluated(stack.enrol())
        cls.certificate, cls.key = stack.agent.certificate, stack.agent.key
        for kind in KINDS:
            wait_for(lambda: https("GET", "127.0.0.1", cls.ports[kind], "/mark/0", headers={"Host": "127.0.0.1"}, certificate=cls.certificate,
                                   key=cls.key, server_name="127.0.0.1").status == 200, f"access to {kind}")
            cls.back_ends.refused_since(kind)
            cls.back_ends.understood(kind)

    def nginx_lives(self):
        state = self.stack.gateway.runtime_dir / "nginx/state"
        log = (state / "error.log").read_text()
        self.assertNotIn("exited on signal", log)
        self.assertTrue((state / "nginx.pid").exists(), log[-3000:])

    def decided(self, after):
        """The traffic log's lines, when the one for the request `after` (its path) is there."""
        file = self.stack.gateway.data / "traffic.log"

        def lines():
            found = [json.loads(line) for line in file.read_text().splitlines() if line.endswith("}")]
            return found if any(line.get("path") == after for line in found) else None
        return wait_for(lines, f"{after} in the traffic log")

    def last_line(self, port, what):
        https("GET", "127.0.0.1", port, what, certificate=self.certificate, key=self.key, server_name="app.example")
        return self.decided(what)

    def report(self, outcomes, stray, kinds, seconds):
        wrong = [f"{o.kind}: {o.case.id}: {finding}" for o in outcomes for finding in o.findings]
        wrong += [f"{record['name']}: a request that nobody sent: {record}" for record in stray]
        print("\n" + checker.table(outcomes, kinds))
        print(f"{len({o.case.id for o in outcomes})} cases, {len(outcomes)} outcomes in {seconds:.1f} s")
        if os.environ.get("POSTERN_ALL_OUTCOMES"):
            for o in outcomes:
                print(f"  {o.kind} {o.case.id}: {o.word} ({o.answer}) " + " ".join(f"{r['method']} {r['target'][:60]}" for r in o.seen))
        self.assertFalse(wrong, f"{len(wrong)} findings:\n" + "\n".join(wrong[:400]))

    def test_1_with_a_certificate(self):
        """Every case, to each kind of application."""
        began = time.monotonic()
        results, problems = {}, []

        def one(group, kind):
            try:
                front = checker.Front(self.ports[kind], client_contexts(self.certificate, self.key), group)
                results[kind] = checker.run(CASES, kind, front, self.back_ends, group)
            except BaseException as error:      # of a thread: told by the test
                problems.append(f"{kind}: {type(error).__name__}: {error}")
                raise
        self.addCleanup(self.nginx_lives)
        threads = [threading.Thread(target=one, args=pair) for pair in enumerate(KINDS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertFalse(problems)
        seconds = time.monotonic() - began
        lines = self.last_line(self.ports["node"], "/mark/last-1")
        stray = []
        for kind in KINDS:
            stray += [r for r in checker.judge(results[kind], self.back_ends.understood(kind), lines)
                      if header_path(r) != "/mark/last-1"]
        outcomes = [o for kind in KINDS for o in results[kind].values()]
        self.assertGreaterEqual(len({(c.data, c.sni, c.tls12, c.resumes, c.more) for c in CASES}), 300)
        self.report(outcomes, stray, KINDS, seconds)

    def test_2_without_a_certificate(self):
        """Every case, and none of them may reach the application."""
        began = time.monotonic()
        front = checker.Front(self.ports["node"], client_contexts(), 3)
        front.mark = lambda: None
        outcomes = checker.run(CASES, "node", front, self.back_ends, 3)
        seconds = time.monotonic() - began
        lines = self.last_line(self.ports["node"], "/mark/last-2")
        stray = [r for r in checker.judge(outcomes, self.back_ends.understood("node"), lines, with_certificate=False)
                 if header_path(r) != "/mark/last-2"]
        self.report(list(outcomes.values()), stray, ("node",), seconds)


    def weak(self, front, families, group):
        """How many cases of each of these families the checker finds something in."""
        cases = [case for case in CASES if case.family in families]
        outcomes = checker.run(cases, "node", checker.Front(front.port, client_contexts(), group), self.back_ends, group)
        stray = checker.judge(outcomes, self.back_ends.understood("node"), front.decisions())
        found = {family: 0 for family in families}
        for outcome in outcomes.values():
            found[outcome.case.family] += bool([f for f in outcome.findings if not f.startswith("had to pass")])
        print(f"\nfound at {type(front).__name__}: {found}, requests that nobody sent: {len(stray)}")
        return found, stray

    def test_3_the_checker_sees_a_usual_nginx(self):
        """Nothing of ours in front: who a client says that it is, paths, hosts."""
        certificate, key = Authority(self.directory).issue("app.example")
        front = weak_fronts.UsualNginx(self.stack.lab, self.directory / "weak", certificate, key, self.back_ends.ports, "node")
        found, _ = self.weak(front, ("identities", "paths", "hosts", "coalescing", "names in the handshake", "HTTP/2 headers", "HTTP/2 hosts"), 4)
        self.assertGreaterEqual(found["identities"], 70)
        self.assertGreaterEqual(found["paths"], 20)
        for family, least in (("hosts", 5), ("names in the handshake", 2), ("HTTP/2 headers", 5), ("HTTP/2 hosts", 1)):
            self.assertGreaterEqual(found[family], least, family)

    def test_4_the_checker_sees_a_hidden_request(self):
        """It reaches the application, and belongs to nobody."""
        front = weak_fronts.NoBodies(*Authority(self.directory).issue("weak.example"), self.back_ends.ports["node.app"])
        self.addCleanup(front.close)
        found, stray = self.weak(front, ("early answers", "bodies of any method"), 5)
        self.assertGreaterEqual(found["early answers"] + found["bodies of any method"], 8)
        self.assertIn("/hidden", [record["target"] for record in stray])

    def test_5_floods_are_bounded(self):
        """What costs a client nothing and a server something: the connection ends, others are answered, and nothing grows."""
        worker = self.stack.gateway.nginx_pids()[1][0]
        before = resident(worker)
        rows, wrong = [], []
        for name, flood in floods.FLOODS.items():
            front = checker.Front(self.ports["node"], client_contexts(self.certificate, self.key), 6)
            outcome = floods.run(flood, self.ports["node"], front.contexts[True, False], front.mark)
            front.close()
            rows.append(f"{name:44}{outcome.sent:>12} bytes, {outcome.how}; others: {outcome.slowest * 1000:.0f} ms at most")
            wrong += [f"{name}: {what}" for what in outcome.wrong]
        grown = resident(worker) - before
        print("\n" + "\n".join(rows) + f"\nthe worker has {grown} kB more than before")
        self.back_ends.understood("node")
        self.nginx_lives()
        self.assertEqual(wrong, [])
        self.assertLess(grown, 16 * 1024)


def resident(pid):
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss_Anon:\s+(\d+)", text, re.M).group(1))


def header_path(record):
    return record["target"]


if __name__ == "__main__":
    harness.main()
