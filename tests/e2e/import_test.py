"""A FortiGate's configuration, taken over by a running gateway: reported, asked for, whole or not at all, and kept."""
import harness
from lone import LoneGatewayTest, main

SOURCE = harness.ROOT / "tests/golden/fortios-branch.conf"


class ImportTest(LoneGatewayTest):
    letter = "i"

    def show(self):
        return self.cli(None, "show").stdout

    def test_1_a_check_and_a_no_change_nothing(self):
        before = self.show()
        text = "execute import fortios check\n" + SOURCE.read_text() + ".\n"
        checked = self.cli(text).stdout
        self.assertIn("Entries: ", checked)
        self.assertIn("This was a check: nothing was changed.", checked)
        refused = self.cli(None, f"execute import fortios file {SOURCE}", "n").stdout
        self.assertIn("Take this over (", refused)
        self.assertIn("Nothing was taken over.", refused)
        # Nobody answers: nothing is done.
        unanswered = self.cli(None, f"execute import fortios file {SOURCE}", check=False)
        self.assertEqual(unanswered.returncode, 1)
        self.assertEqual(self.show(), before)

    def test_2_a_yes_takes_everything_over_and_it_stays(self):
        report = self.cli(None, f"execute import fortios file {SOURCE}", "y").stdout
        lines = len(SOURCE.read_text().splitlines())
        self.assertIn(f"\n{lines} lines: ", report)
        for number in range(1, lines + 1):     # one verdict for each line
            self.assertRegex(report, rf"(?m)^ *{number}  (taken as|taken|ignored|-) ")
        self.assertIn("Taken over: ", report)
        self.assertNotIn("SH2example", report)
        taken = self.show()
        self.assertIn('set ztna-ems-tag "EMS1_ZTNA_Telemetry-Connected"', taken)
        # What asked for users, and what stands behind the refusal that could not be taken, is off.
        for table, entry in ("firewall proxy-policy", 2), ("firewall policy", 4):
            self.assertIn("set status disable", self.cli(None, f"show {table} {entry}").stdout)
        self.assertNotIn("set status disable", self.cli(None, "show firewall policy 1").stdout)
        again = self.cli(None, f"execute import fortios file {SOURCE}", "y").stdout   # a script may run twice
        self.assertIn("Nothing changes.", again)
        self.gateway.process.kill()
        self.gateway.process.popen.wait()
        self.gateway.process.start()
        self.gateway.ready()
        self.assertEqual(self.show(), taken)

    def test_3_a_refusal_imported_again_stays_in_front_and_a_move_is_not_overlooked(self):
        def policy(number, action):
            return (f'config firewall policy\nedit {number}\nset srcintf "any"\nset dstintf "any"\nset srcaddr "clients"\n'
                    f'set dstaddr "servers"\nset service "HTTP"\nset schedule "always"\n{action}next\nend\n')

        def numbers():
            return [line.split()[1] for line in self.cli(None, "show firewall policy").stdout.splitlines() if "edit " in line]

        refusal, accept = policy(71, ""), policy(72, "set action accept\n")
        self.assertIn("Taken over: 2 added", self.cli("execute import fortios\n" + refusal + accept + ".\ny\n").stdout)
        before = numbers()
        self.assertIn("Nothing changes.", self.cli("execute import fortios\n" + refusal + ".\ny\n").stdout)
        self.assertEqual(numbers(), before)
        moved = refusal.replace("71", "81") + accept.replace("72", "80") + "config firewall policy\nmove 80 before 81\nend\n"
        report = self.cli("execute import fortios\n" + moved + ".\ny\n").stdout
        self.assertIn("2 left out", report)
        self.assertEqual(numbers(), before)


if __name__ == "__main__":
    main()
