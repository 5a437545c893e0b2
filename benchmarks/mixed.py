"""P2.mixed: a thousand sessions of all kinds are open while the posture of their endpoint changes; how long until each has
brought its last byte, and until its end was seen? Part of `./bench revocation`, on the same stack.
"""
from catalogue import Figure
from machine import percentile
from programs import run_lines

TARGETS = ["live_app", "mixed_client"]
PROXY_PORT, APP_PORT = 9448, 8090
CHANGES, SESSIONS = 20, 1000
CALL_EVERY_MS = 100
# A trial opens few: it only shows that every kind ends.
TRIAL_SESSIONS = 60

CONFIGURATION = """config firewall vip
    edit "mixed"
        set extip 0.0.0.0
        set extport {proxy}
    next
end
config firewall access-proxy
    edit "mixed"
        set vip "mixed"
        config api-gateway
            edit 1
                set url-map "/tcp"
                set service tcp-forwarding
                config realservers
                    edit 1
                        set address "app"
                        set mappedport {port}
                    next
                end
            next
            edit 2
                config realservers
                    edit 1
                        set ip {app}
                        set port {port}
                    next
                end
            next
        end
    next
end
config firewall service custom
    edit "LIVE"
        set tcp-portrange {port}
    next
end
config firewall policy
    edit 11
        set name "live-forbidden"
        set srcintf "port1"
        set dstintf "port2"
        set srcaddr "endpoints"
        set dstaddr "app"
        set service "LIVE"
        set ztna-status enable
        set ztna-ems-tag "EMS1_ZTNA_Forbidden"
        set action deny
    next
    edit 12
        set name "live-required"
        set srcintf "port1"
        set dstintf "port2"
        set srcaddr "endpoints"
        set dstaddr "app"
        set service "LIVE"
        set action accept
        set ztna-status enable
        set ztna-ems-tag "EMS1_ZTNA_Required"
    next
end
config firewall proxy-policy
    edit 111
        set access-proxy "mixed"
        set ztna-ems-tag "EMS1_ZTNA_Forbidden"
        set action deny
    next
    edit 112
        set access-proxy "mixed"
        set ztna-ems-tag "EMS1_ZTNA_Required"
        set action accept
    next
end
"""


def start_app(stack, programs, wait_for):
    ready = stack.directory / "live.port"
    stack.lab.start("live", [programs / "live_app", "--address", stack.app_address, "--port", APP_PORT, "--call-every",
                             CALL_EVERY_MS, "--ready", ready], stack.short("srv"))
    wait_for(ready.exists, "the application of open sessions to listen", 20)


def configuration(stack):
    return CONFIGURATION.format(proxy=PROXY_PORT, port=APP_PORT, app=stack.app_address)


def measure(lab, changes, sessions):
    """One line per change: its stages, and [kind, microseconds between pieces, last byte, end, how] of each session."""
    stack = lab.stack
    return run_lines([lab.programs / "mixed_client", "--changes", changes, "--sessions", sessions,
                      "--address", stack.plan.gateway_port1, "--port", PROXY_PORT, "--app-address", stack.app_address,
                      "--app-port", APP_PORT, "--certificate", stack.agent.certificate, "--key", stack.agent.key,
                      "--program", lab.program, "--file", lab.file, "--namespace", stack.lab.namespaces["ep"],
                      "--watch-namespace", stack.lab.namespaces["gw"], "--telemetry-port", stack.ports["telemetry"],
                      "--fabric-port", stack.ports["https"]])


def seen(session):
    """Milliseconds until nothing more of a session was to be seen. Of one that is told its end this is the end, which comes
    after the last byte: pieces come each 100 ms, so that the last byte alone would nearly always be from before the change.
    A kept connection's next request is refused when it is made, so its last answer counts, and a routed connection's last
    byte."""
    _, _, last, end, how = session
    return max(last if how in ("silent", "refused") else max(last, end), 0) / 1000


def figures(changes, sessions, summary, stages, p1_99, trial):
    all_seen, of_kind, ended, at_all = [], {}, {}, []
    last_bytes, dense = [], []
    for change in changes:
        times = [seen(s) for s in change["sessions"]]
        all_seen += times
        at_all.append(max(times))
        for s, t in zip(change["sessions"], times):
            of_kind.setdefault(s[0], []).append(t)
            how = ended.setdefault(s[0], {})
            how[s[4]] = how.get(s[4], 0) + 1
            last_bytes.append(max(s[2], 0) / 1000)
            if s[1] <= 5000:
                dense.append(max(s[2], 0) / 1000)
    first = [{**c, "first_us": min(s[3] for s in c["sessions"] if s[4] not in ("silent", "refused"))} for c in changes]
    detail = {"all": summary(all_seen), "by_kind": {k: summary(v) for k, v in of_kind.items()}, "ended_by": ended,
              "last_session_of_each_change": summary(at_all), "last_byte_alone": summary(last_bytes),
              "last_byte_of_busy_sessions": summary(dense), "stages": {
                  **stages(changes), "nginx: first connection ended until the last session was seen to end": summary(
                      [t - c["first_us"] / 1000 for t, c in zip(at_all, first)])},
              "changes": len(changes), "sessions_of_each_change": len(changes[0]["sessions"])}
    enough = not trial and len(changes) >= CHANGES and sessions >= SESSIONS
    few = "" if enough else f"only {len(changes)} changes of {len(changes[0]['sessions'])} sessions"
    note = "; ".join(filter(None, [few, "worst {:.1f} ms; ".format(max(all_seen)) + ", ".join(
        f"{k}: " + ", ".join(f"{n} {how}" for how, n in hows.items()) for k, hows in ended.items())]))
    p50, p99 = detail["all"]["p50"], detail["all"]["p99"]
    name = "tag lost until the last byte of each of 1,000 open sessions of mixed kinds"
    return [Figure("P2.mixed.p50", p50, p1_99, p50 <= 15 if enough else None, name=name + ", p50", target="p50 <= 15 ms",
                   note=few),
            Figure("P2.mixed.p99", p99, p1_99, p99 <= 40 if enough else None, name=name + ", p99", target="p99 <= 40 ms",
                   note=note, detail=detail)]
