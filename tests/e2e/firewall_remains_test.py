"""What the firewall would be, what it leaves alone, and what is left of it: a gateway alone, its kernel asked by nft."""
import time

import lone
from harness import wait_for

POLICY = """config firewall policy
edit 7
set srcintf port1
set dstintf any
set srcaddr all
set dstaddr all
set service ALL
set action accept
set ztna-status enable
set ztna-ems-tag EMS1_ZTNA_healthy
"""
OTHERS = """table ip theirs {
  set a { type ipv4_addr; elements = { 192.0.2.1, 192.0.2.2 } }
  chain forward { type filter hook forward priority 10; policy accept; ip saddr @a counter drop; };
}
table inet nat { chain post { type nat hook postrouting priority 100; policy accept; }; }
"""


class FirewallRemains(lone.LoneGatewayTest):
    letter = "2"

    def nft(self, *arguments, text=None, check=True):
        return self.lab.call("gw", "nft", *arguments, text=text, check=check).stdout

    def test_1_what_is_staged_is_printed_as_nft_takes_it_and_changes_nothing(self):
        before = self.nft("-s", "list", "ruleset")
        said = self.cli(None, *POLICY.splitlines(), "diagnose firewall ruleset", "abort").stdout
        self.assertIn("chain policy_7 {", said)
        self.nft("-c", "-f", "-", text=said[said.index("add table"):])
        said = self.cli(None, *POLICY.splitlines(), "diagnose firewall difference", "abort").stdout
        self.assertIn("+ chain policy_7\n", said)
        self.assertIn("+ set EMS1_ZTNA_healthy\n", said)
        self.assertEqual(self.nft("-s", "list", "ruleset"), before)
        self.assertIn("The kernel holds what", self.cli(None, "diagnose firewall difference").stdout)

    def test_2_offline_the_same(self):
        said = self.lab.call("gw", *self.gateway.cli_argv[:1], "firewall", "dry-run", "--config", "-", text=POLICY + "next\nend\n").stdout
        self.assertIn("chain policy_7 {", said)
        self.nft("-c", "-f", "-", text=said)

    def test_3_other_tables_stay_byte_for_byte(self):
        self.nft("-f", "-", text=OTHERS)
        theirs = [self.nft("list", "table", "ip", "theirs"), self.nft("list", "table", "inet", "nat")]
        self.cli(POLICY + "next\nend\n")
        self.assertIn("policy_7", self.nft("list", "table", "inet", "postern"))
        self.nft("delete", "table", "inet", "postern")  # somebody takes ours away: noticed and mended
        wait_for(lambda: "policy_7" in self.nft("list", "table", "inet", "postern", check=False), "the table to be back", 10)
        self.assertEqual([self.nft("list", "table", "ip", "theirs"), self.nft("list", "table", "inet", "nat")], theirs)

    def test_3a_whatever_somebody_else_does_to_our_table_is_mended_at_once(self):
        def ours():
            # Handles and the lease change with each table.
            return self.nft("-s", "list", "table", "inet", "postern", check=False).split("set unchecked", 1)[-1]
        before, theirs = ours(), self.nft("list", "table", "ip", "theirs")
        for command in ("flush table inet postern", "flush chain inet postern forward", "flush chain inet postern policy_7_tags",
                        "add table inet postern { flags dormant; }", "add chain inet postern forward { policy accept; }",
                        "add element inet postern EMS1_ZTNA_healthy { 192.0.2.66 }", "insert rule inet postern forward accept"):
            with self.subTest(command):
                self.nft("-f", "-", text=command)
                begun = time.monotonic()
                wait_for(lambda: "dormant" not in self.nft("list", "table", "inet", "postern", check=False) and
                         "192.0.2.66" not in self.nft("list", "table", "inet", "postern", check=False) and ours() == before,
                         "the table to be as it was", 5)
                self.assertLess(time.monotonic() - begun, 3)
        rule = next(line for line in self.nft("-a", "list", "chain", "inet", "postern", "forward").splitlines() if "ct state invalid" in line)
        self.nft("delete", "rule", "inet", "postern", "forward", "handle", rule.split()[-1])
        wait_for(lambda: ours() == before, "a deleted rule to be back", 5)
        self.assertEqual(self.nft("list", "table", "ip", "theirs"), theirs)
        self.nft("flush", "ruleset")
        wait_for(lambda: ours() == before, "everything of ours to be back", 5)
        self.assertIn("somebody else changed the table inet postern", self.gateway.process.log.read_text())
        self.nft("-f", "-", text=OTHERS)

    def test_4_removal_leaves_nothing(self):
        program = self.gateway.cli_argv[0]
        remove = [program, "firewall", "remove", "--runtime-dir", str(self.gateway.runtime_dir)]
        refused = self.lab.call("gw", *remove, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("stop it first", refused.stderr)
        # The table is made anew by the test before; its lease comes with the next renewal.
        wait_for(lambda: "elements" in self.nft("list", "set", "inet", "postern", "alive"), "the lease", 10)
        elsewhere = self.lab.call("gw", *remove[:-1], "/run/of-no-gateway", check=False)  # as without --runtime-dir
        self.assertEqual(elsewhere.returncode, 1)
        self.assertIn("another runtime directory", elsewhere.stderr)
        self.assertIn("table inet postern", self.nft("list", "tables"))
        self.gateway.process.stop()
        self.assertIn("table inet postern", self.nft("list", "tables"))  # an orderly end keeps it
        self.lab.call("gw", "ip", "neigh", "replace", "10.0.1.2", "lladdr", "02:00:00:00:00:02", "dev", "port1",
                      "nud", "permanent", "proto", "80")
        self.assertIn("is removed; 1 pinned", self.lab.call("gw", *remove).stdout)
        self.assertEqual(self.nft("list", "tables").split("\n")[:2], ["table ip theirs", "table inet nat"])
        self.assertEqual(self.lab.call("gw", "ip", "neigh", "show", "proto", "80").stdout, "")
        self.assertIn("There is no table", self.lab.call("gw", *remove).stdout)


if __name__ == "__main__":
    lone.main()
