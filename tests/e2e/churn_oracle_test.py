"""The oracle of the churn test finds what is planted in a log in which all is well."""
import copy
import unittest

import harness
from churn_facts import CHECKED, HEARD_BEFORE, THRESHOLD, Policy, State, Version, World, by_address, decide, replay
from churn_oracle import judge


class Oracle(unittest.TestCase):
    def setUp(self):
        good, lost = State(True, True, False, frozenset("A")), State(True, True)
        self.facts = World({"e": [(0.0, State()), (1.0, good), (100.0, lost), (120.0, good)]}, {"need": [Version(0.0, (Policy(True, ("A",)),))],
                           "routed": [Version(0.0, (Policy(True, ("A",)),))]}, pools={"need": ("s1",)}, uids={"e": "U"})
        self.records = [
            {"e": "e", "k": "r1", "p": "need", "id": "a", "t0": 50.0, "t1": 50.01, "s": 200, "port": 1},
            {"e": "e", "k": "d1", "p": "need", "id": "b", "t0": 60.0, "t1": 60.01, "last": 100.05, "t2": 100.06, "s": 200, "n": 9, "port": 2,
             "end": "ended", "server": "s1"},
            {"e": "e", "k": "r1", "p": "need", "id": "c", "t0": 110.0, "t1": 110.01, "s": 403, "reason": "065", "port": 3},
            {"e": "e", "k": "t", "p": "routed", "id": "d", "t0": 70.0, "t1": 70.01, "last": 100.1, "t2": 101.1, "s": 200, "n": 9,
             "end": "silent", "server": "s1"},
            {"e": "e", "k": "g", "p": "need", "id": "g", "t0": 65.0, "t1": 65.01, "last": 100.05, "t2": 100.06, "s": 200, "n": 9, "port": 4,
             "end": "told", "told": 7, "server": "calls"},
            {"e": "e", "k": "g", "p": "need", "id": "h", "t0": 111.0, "t1": 111.01, "s": 403, "told": 7, "port": 4},
            {"e": "e", "k": "f", "p": "need", "id": "f", "t0": 66.0, "t1": 66.01, "last": 100.05, "t2": 100.06, "s": 101, "n": 9, "port": 5,
             "end": "ended", "server": "s1", "to": "app:1"}]
        self.lines = [self.line("a", 50.01, "accept", 1), self.line("b", 100.05, "cut", 2, reason="065"),
                      self.line("c", 110.005, "deny", 3, reason="065"), self.line("g", 100.05, "cut", 4, reason="065", kind="grpc"),
                      self.line("h", 111.005, "deny", 4, reason="065", kind="grpc"),
                      self.line("f", 100.05, "cut", 5, reason="065", kind="tcp-forwarding", destination="app:1")]

    @staticmethod
    def line(who, t, action, port, **more):
        return {"path": f"/r/{who}", "t": t, "action": action, "srcport": port, "status": 200, "clientdeviceid": "U", "accessproxy": "need",
                **more}

    def errors(self, facts=None, records=None, lines=None):
        return judge(facts or self.facts, records or self.records, lines or self.lines).errors

    def planted(self, said, change):
        facts, records, lines = copy.deepcopy((self.facts, self.records, self.lines))
        change(facts, {r["id"]: r for r in records}, {line["path"][3:]: line for line in lines}, records, lines)
        found = self.errors(facts, records, lines)
        self.assertTrue(any(said in e for e in found), (said, found))

    def test_a_good_log_is_good(self):
        self.assertEqual(self.errors(), [])
        self.assertEqual(judge(self.facts, self.records, self.lines).counts["compared"], 14)

    def test_planted_errors_are_found(self):
        def moved(f, r, li, records, lines):
            r["a"].update(t0=110.0, t1=110.01)
            li["a"]["t"] = 110.01
        self.planted("let in against the policies", moved)
        self.planted("no line of a session", lambda f, r, li, records, lines: lines.remove(li["b"]))
        self.planted("no line of a refusal", lambda f, r, li, records, lines: lines.remove(li["c"]))
        self.planted("no line of a request", lambda f, r, li, records, lines: lines.remove(li["a"]))
        self.planted("reason 064 does not follow", lambda f, r, li, records, lines: li["b"].update(reason="064"))
        self.planted("the log says otherwise of a refusal", lambda f, r, li, records, lines: li["c"].update(reason="064"))

        def both(f, r, li, records, lines):
            li["c"]["reason"] = r["c"]["reason"] = "068"
        self.planted("reason 068 does not follow", both)
        self.planted("ended, and no line says that it was cut", lambda f, r, li, records, lines: li["b"].update(action="accept"))
        self.planted("after the cut", lambda f, r, li, records, lines: r["b"].update(last=101.8, t2=101.9))
        self.planted("open for", lambda f, r, li, records, lines: (r["b"].update(last=103.0, t2=103.1), li["b"].update(t=103.0)))
        self.planted("open for", lambda f, r, li, records, lines: r["d"].update(last=103.0, t2=104.0))
        self.planted("ended without a reason", lambda f, r, li, records, lines: r["d"].update(last=80.0, t2=81.0))
        self.planted("another endpoint", lambda f, r, li, records, lines: li["a"].update(clientdeviceid="V"))
        self.planted("another's answer", lambda f, r, li, records, lines: r["a"].update(wrong="asked as a, got b"))
        self.planted("no client asked", lambda f, r, li, records, lines: lines.append(self.line("z", 60.0, "accept", 9)))
        self.planted("several lines", lambda f, r, li, records, lines: lines.append(dict(li["a"])))
        self.planted("no answer", lambda f, r, li, records, lines: (r["a"].update(s=0), lines.remove(li["a"])))
        self.planted("no real server", lambda f, r, li, records, lines: r["a"].update(s=502))

        def refused(f, r, li, records, lines):
            r["c"].update(t0=130.0, t1=130.01)
            li["c"]["t"] = 130.005
        self.planted("reason 065 does not follow", refused)

        def revoked(f, r, li, records, lines):
            r["a"].update(t0=101.0, t1=101.01)
            li["a"]["t"] = 101.01
        with self.assertRaises(AssertionError):      # late by half of what is allowed
            self.planted("let in", revoked)

    def test_what_was_away_may_be_late_and_no_longer(self):
        def late(f, r, li, records, lines):
            f.away.append((99.0, 108.0))
            r["a"].update(t0=109.0, t1=109.01)
            li["a"]["t"] = 109.01
        with self.assertRaises(AssertionError):
            self.planted("let in", late)
        self.planted("let in against the policies", lambda f, r, li, records, lines: (
            late(f, r, li, records, lines), r["a"].update(t0=110.1, t1=110.11), li["a"].update(t=110.11)))

    def test_a_killed_gateway_may_have_forgotten_until_its_ems_has_told_it_again(self):
        def forgotten(at, until):
            def change(f, r, li, records, lines):
                f.killed.append((108.0, 109.0))
                f.away.append((108.0, until))
                r["c"].update(t0=at, t1=at + 0.01, reason="066")
                li["c"].update(t=at + 0.005, reason="066")
            return change
        with self.assertRaises(AssertionError):
            self.planted("", forgotten(110.0, 109.5))
        with self.assertRaises(AssertionError):
            self.planted("", forgotten(114.0, 113.0))
        self.planted("reason 066 does not follow", forgotten(107.0, 109.5))
        self.planted("reason 066 does not follow", forgotten(112.0, 109.5))

    def test_an_idle_connection_ends_with_a_line_only_where_its_proxy_is_taken_away(self):
        def idle(at, **more):
            def change(f, r, li, records, lines):
                f.removed.append((90.0, 91.0, "need", None))
                lines.append({k: x for k, x in self.line("", at, "cut", 9, reason="022").items() if k != "path"} | more)
            return change
        with self.assertRaises(AssertionError):
            self.planted("", idle(91.0))
        self.planted("a line of no request", idle(89.0))
        self.planted("a line of no request", idle(91.0, reason="065"))
        self.planted("a line of no request", idle(91.0, accessproxy="other"))
        self.planted("a line of no request", idle(91.0, action="accept"))

    def test_lines_may_be_missing_only_as_far_as_that_was_counted(self):
        def without(dropped):
            def change(f, r, li, records, lines):
                f.dropped.append(dropped)
                lines.remove(li["a"])
            return change
        with self.assertRaises(AssertionError):
            self.planted("line", without((49.0, 51.0, 1)))
        self.planted("no line of a request", without((49.0, 51.0, 0)))
        self.planted("no line of a request", without((40.0, 45.0, 1)))

        def two(f, r, li, records, lines):
            without((49.0, 51.0, 1))(f, r, li, records, lines)
            records.append(dict(r["a"], id="a2"))
        self.planted("more lines are missing", two)

        def no_answer_besides(f, r, li, records, lines):    # of that none is due
            without((49.0, 51.0, 1))(f, r, li, records, lines)
            f.reloads.append((50.0, 50.1))
            records.append(dict(r["a"], id="a2", s=0))
        with self.assertRaises(AssertionError):
            self.planted("", no_answer_besides)

    def test_what_a_client_reads_late_had_come_before(self):
        def late(begin, end):
            def change(f, r, li, records, lines):
                r["b"].update(last=103.0, t2=103.1)
                records.append({"e": "e", "k": "late", "t0": begin, "t1": end})
            return change
        with self.assertRaises(AssertionError):
            self.planted("the", late(100.1, 103.0))
        self.planted("after the cut", late(102.5, 103.0))
        self.planted("after the cut", late(100.1, 102.0))

    def test_a_server_that_dies_ends_what_was_its(self):
        def died(server, begin):
            def change(f, r, li, records, lines):
                f.deaths[server] = [(begin, begin + 1)]
                r["b"].update(last=90.0, t2=90.1)
                li["b"].update(action="accept", t=90.05)
            return change
        with self.assertRaises(AssertionError):
            self.planted("ended", died("s1", 90.0))
        self.planted("ended, and no line", died("s2", 90.0))
        self.planted("ended, and no line", died("s1", 80.0))

    def test_a_server_that_is_taken_out_ends_what_was_its(self):
        def removed(proxy, server, begin):
            def change(f, r, li, records, lines):
                f.removed.append((begin, begin + 1, proxy, server))
                li["b"].update(reason="022")
            return change
        with self.assertRaises(AssertionError):
            self.planted("reason", removed("need", "s1", 99.0))
        for wrong in (("need", "s2", 99.0), ("any", "s1", 99.0), ("need", "s1", 90.0), ("need", "s1", 101.0)):
            self.planted("reason 022 does not follow", removed(*wrong))

    def test_a_call_is_told_what_the_log_says(self):
        self.planted("told the wrong status", lambda f, r, li, records, lines: r["g"].update(told=14))
        self.planted("told the wrong status", lambda f, r, li, records, lines: r["h"].update(told=16))
        self.planted("cut, and yet complete", lambda f, r, li, records, lines: r["g"].update(end="complete", told=0))
        self.planted("ended, and no line says that it was cut", lambda f, r, li, records, lines: li["g"].update(action="accept"))
        self.planted("another kind", lambda f, r, li, records, lines: li["g"].update(kind="http2"))
        self.planted("no line of a refusal", lambda f, r, li, records, lines: lines.remove(li["h"]))
        self.planted("open for", lambda f, r, li, records, lines: (r["g"].update(last=103.0, t2=103.1), li["g"].update(t=103.0)))

        def served(f, r, li, records, lines):
            r["h"].update(s=200, k="g", last=111.5, t2=112.0, end="we closed", n=9, server="calls")
            li["h"].update(action="accept")
        self.planted("let in against the policies", served)

    def test_forwarded_tcp_leads_where_the_log_says_and_ends_with_its_policy_or_its_server(self):
        self.planted("another destination", lambda f, r, li, records, lines: li["f"].update(destination="app:2"))
        self.planted("another kind", lambda f, r, li, records, lines: li["f"].update(kind="websocket"))
        self.planted("no line of a session", lambda f, r, li, records, lines: lines.remove(li["f"]))
        self.planted("open for", lambda f, r, li, records, lines: (r["f"].update(last=103.0, t2=103.1), li["f"].update(t=103.0)))

        def died(server, begin):
            def change(f, r, li, records, lines):
                f.deaths[server] = [(begin, begin + 1)]
                r["f"].update(last=90.0, t2=90.1)
                li["f"].update(action="accept", t=90.05)
            return change
        with self.assertRaises(AssertionError):
            self.planted("", died("s1", 90.0))
        self.planted("ended, and no line", died("s2", 90.0))

        def late(begin):
            def change(f, r, li, records, lines):
                died("s1", begin)(f, r, li, records, lines)
                li["f"]["t"] = 94.0
            return change
        with self.assertRaises(AssertionError):          # it told its client at once, and that one answered late
            self.planted("", late(90.0))
        self.planted("ended, and no line", late(87.0))

        def away(begin):
            def change(f, r, li, records, lines):
                f.deaths["s1"] = [(begin, begin + 1)]
                r["f"].update(s=502, t1=66.02)
            return change
        with self.assertRaises(AssertionError):
            self.planted("", away(65.5))
        self.planted("is said to be away, and is not", away(60.0))

    def test_what_was_not_taken_up_was_not_answered(self):
        def away(line=False, reload=True):
            def change(f, r, li, records, lines):
                r["a"].update(s=0, end="goaway")
                if reload:
                    f.reloads.append((50.2, 50.3))
                if not line:
                    lines.remove(li["a"])
            return change
        with self.assertRaises(AssertionError):
            self.planted("", away())
        self.planted("said not to be taken up, and was", away(line=True))
        self.planted("sent away without a reason", away(reload=False))

        def read_late(begin, end):
            def change(f, r, li, records, lines):
                away(reload=False)(f, r, li, records, lines)
                f.reloads.append((47.0, 47.1))
                records.append({"e": "e", "k": "late", "t0": begin, "t1": end})
            return change
        with self.assertRaises(AssertionError):
            self.planted("", read_late(48.0, 49.9))
        self.planted("sent away without a reason", read_late(48.5, 49.9))

    def test_a_worker_may_need_a_moment_to_hear_of_other_servers(self):
        def failed(led):
            def change(f, r, li, records, lines):
                f.led["need"] = [led]
                r["a"]["s"] = 503
                lines.remove(li["a"])
            return change
        with self.assertRaises(AssertionError):
            self.planted("", failed((49.0, 49.2)))
        self.planted("an unexpected status", failed((47.0, 48.0)))
        self.planted("an unexpected status", lambda f, r, li, records, lines: r["a"].update(s=503))

    def test_no_server_answers_only_while_all_are_dead_or_taken_for_it(self):
        def failed(*deaths, checked=False):
            def change(f, r, li, records, lines):
                f.pools["need"] = ("s1", "s2")
                f.deaths.update(deaths)
                f.checked = frozenset({"need"} if checked else ())
                r["a"]["s"] = 502
            return change
        both = (("s1", [(49.0, 49.9)]), ("s2", [(49.5, 51.0)]))
        with self.assertRaises(AssertionError):
            self.planted("", failed(*both))
        self.planted("not all of them had died", failed(both[0]))
        self.planted("not all of them had died", failed(("s1", [(48.0, 49.0)]), both[1]))
        self.planted("not all of them had died", failed(("s1", [(48.0, 49.0)]), both[1], checked=True))
        with self.assertRaises(AssertionError):          # for as long as to the next check
            self.planted("", failed(("s1", [(40.0, 49.0)]), both[1], checked=True))
        self.planted("not all of them had died", failed(("s1", [(30.0, 49.9 - CHECKED)]), both[1], checked=True))

        def stood(span, *deaths):
            def change(f, r, li, records, lines):
                failed(("s1", list(deaths)), both[1], checked=True)(f, r, li, records, lines)
                f.stopped.append(span)
            return change
        nothing = (10.0, 10.0)
        with self.assertRaises(AssertionError):          # dead at one check, and at the next
            self.planted("", stood(nothing, (41.0, 41.5), (46.0, 46.5)))
        self.planted("not all of them had died", stood(nothing, (43.0, 43.5), (46.0, 46.5)))
        self.planted("not all of them had died", stood(nothing, (31.0, 31.5), (46.0, 46.5)))
        with self.assertRaises(AssertionError):          # nobody checked in between, and nobody does yet
            self.planted("", stood((33.0, 45.0), (31.0, 31.5), (46.0, 46.5)))
        self.planted("not all of them had died", stood(nothing, (30.0, 30.5), (35.0, 35.5)))
        with self.assertRaises(AssertionError):
            self.planted("", stood((36.0, 44.0), (30.0, 30.5), (35.0, 35.5)))

    def test_nobody_is_let_in_while_the_ems_is_silent_past_the_threshold(self):
        def silent(begin, end, back):
            def change(f, r, li, records, lines):
                f.silent.append((begin, end, back))
                f.away.append((begin, back))
            return change

        def asked(at, begin, end, back, **more):
            def change(f, r, li, records, lines):
                silent(begin, end, back)(f, r, li, records, lines)
                r["a"].update(t0=at, t1=at + 0.01, **more)
                li["a"].update(t=at + 0.01, **({"action": "deny", "reason": more["reason"]} if more else {}))
            return change
        begin, no = 30.0, {"s": 403, "reason": "070"}
        first, last = begin + THRESHOLD - HEARD_BEFORE, begin + THRESHOLD + 2.0
        self.planted("let in against the policies", asked(last + 0.5, begin, 45.0, 45.5))
        for fine in (asked(last - 0.5, begin, 45.0, 45.5), asked(46.0, begin, 45.0, 45.5), asked(last + 0.5, begin, 45.0, 45.5, **no),
                     asked(first + 0.5, begin, 45.0, 45.5, **no), asked(47.0, begin, 45.0, 45.5, **no)):
            with self.assertRaises(AssertionError):
                self.planted("", fine)
        self.planted("reason 070 does not follow", asked(first - 0.5, begin, 45.0, 45.5, **no))
        self.planted("reason 070 does not follow", asked(48.0, begin, 45.0, 45.5, **no))
        # What is open ends likewise, whatever else was late meanwhile.
        self.planted("while nobody vouched for it", silent(70.0, 85.0, 85.5))
        with self.assertRaises(AssertionError):
            self.planted("", silent(70.0, 79.0, 79.5))

        def stood(begin, end):
            def change(f, r, li, records, lines):
                f.stopped.append((begin, end))
                f.away.append((begin, end + 0.5))
            return change
        self.planted("while nobody vouched for it", stood(70.0, 78.0))
        with self.assertRaises(AssertionError):
            self.planted("", stood(70.0, 74.0))

    def test_who_is_revoked_stays_out_and_who_is_enrolled_again_is_another(self):
        def again(f, r, li, records, lines):
            """The first is revoked while nothing else has changed; as another it has what it had."""
            good = State(True, True, False, frozenset("A"))
            f.states = {"e": [(0.0, State()), (1.0, good), (100.0, State(False, True, False, frozenset("A"), known=True))],
                        "e#2": [(0.0, State()), (106.0, State(True)), (107.0, good)]}
            f.states["e#address"] = by_address([f.states["e"], f.states["e#2"]])
            f.uids["e#2"] = "V"
            f.__post_init__()
            for who in "bcfgh":
                li[who]["reason"] = "063"
            r["c"]["reason"] = "063"
            r["g"]["told"] = r["h"]["told"] = 16
            records += [{**r["a"], "id": "x", "e": "e#2", "t0": 110.0, "t1": 110.01},
                        {**r["d"], "id": "y", "e": "e#address", "t0": 111.0, "t1": 111.01, "last": 115.0, "t2": 115.1, "end": "we closed"}]
            lines.append({**li["a"], "path": "/r/x", "t": 110.005, "clientdeviceid": "V"})
        with self.assertRaises(AssertionError):
            self.planted("", again)

        def old(f, r, li, records, lines):
            again(f, r, li, records, lines)
            records[-2]["e"] = "e"
        self.planted("let in against the policies", old)
        self.planted("another endpoint", old)

        def both(f, r, li, records, lines):
            again(f, r, li, records, lines)
            r["c"]["reason"] = li["c"]["reason"] = "066"
        self.planted("reason 066 does not follow", both)

        def early(at):
            def change(f, r, li, records, lines):
                again(f, r, li, records, lines)
                records[-2].update(t0=at, t1=at + 0.01, s=403, reason="066")
                lines[-1].update(t=at + 0.005, action="deny", reason="066")
            return change
        with self.assertRaises(AssertionError):
            self.planted("", early(107.5))        # the gateway has not heard of it yet
        self.planted("reason 066 does not follow", early(108.5))

        def between(f, r, li, records, lines):
            again(f, r, li, records, lines)
            records[-1].update(t0=104.5, t1=104.51, last=104.6, t2=104.7)
        self.planted("let in against the policies", between)

    def test_an_address_is_whose_that_is_enrolled_with_it(self):
        a, b = State(True, True), State(True, True, False, frozenset("A"))
        out, gone = State(), State(False, True)
        line = by_address([[(0.0, out), (1.0, a), (5.0, gone), (9.0, State(False))], [(0.0, out), (7.0, State(True)), (8.0, b)]])
        self.assertEqual(line, [(0.0, out), (1.0, a), (5.0, gone), (7.0, State(True)), (8.0, b)])

    def test_decisions(self):
        s = State(True, True, False, frozenset("A"), frozenset("B"))
        for policies, said in (((Policy(True, ("A",)),), None), ((Policy(True, ("B",)),), "069"), ((Policy(True, ("C",)),), "065"),
                               ((Policy(False, ("A",)), Policy(True)), "064"), ((Policy(False, ("B",)), Policy(True)), "069"),
                               ((Policy(False, ("C",)), Policy(True)), None), ((Policy(True, ("A", "B")),), None),
                               ((Policy(True, ("A", "B"), every=True),), "069"), ((Policy(True, enabled=False),), "061"), (None, "061")):
            self.assertEqual(decide(policies, s), said, policies)
        self.assertEqual(decide((Policy(True, ("A",)),), s, fresh=False), "070")
        self.assertEqual(decide((Policy(True),), s, fresh=False), None)
        self.assertEqual(decide((Policy(True),), State(True, False)), "067")
        self.assertEqual(decide((Policy(True),), State(False, known=True), fresh=False), "063")
        self.assertEqual(decide((Policy(True),), State()), "066")
        self.assertEqual(decide((Policy(True),), State(), fresh=False), "070")
        self.assertEqual(decide((Policy(True),), State(True, True, True)), "068")

    def test_a_history_becomes_states(self):
        line = replay([(1, "endpoint", "U", {"event": "enrolled"}), (2, "endpoint", "U", {"event": "online"}),
                       (3, "endpoint_tags", "U", {"tags": [{"tag": "A", "before": "absent", "after": "has"},
                                                           {"tag": "B", "before": "absent", "after": "unknown"}]}),
                       (4, "endpoint", "V", {"event": "offline"}), (5, "endpoint", "U", {"event": "quarantined"}),
                       (6, "endpoint_tags", "U", {"tags": [{"tag": "A", "before": "has", "after": "absent"}]})], {"U": "e"})["e"]
        self.assertEqual(line[-1], (6, State(True, True, True, frozenset(), frozenset("B"), True)))
        self.assertEqual([t for t, _ in line], [0.0, 1, 2, 3, 5, 6])


if __name__ == "__main__":
    harness.main()
