"""The gateway's command line on a real terminal, with a real daemon: the session of docs/guide/gateway-cli.md is typed and
compared (POSTERN_UPDATE_GOLDEN=1 writes it), texts are taken whole or not at all, and the terminal is left as it was found."""
import os
import re
import signal
import subprocess

import harness
import lone
from screen import Person

GUIDE = harness.ROOT / "docs/guide/gateway-cli.md"
GOLDEN = harness.ROOT / "tests/golden/gateway-config.txt"
UP, DOWN, CTRL_C, CTRL_D = "\x1b[A", "\x1b[B", "\x03", "\x04"

CHANGES = """config firewall address
    edit "lan"
        set subnet 10.0.1.0/33
    next
end
config firewall vip
    edit "web"
        set extport 70000
        set server-type ftp
        set colour red
    next
end
config firewall access-proxy
    edit "web"
        set vip "nowhere"
    next
end
"""


class Terminal(lone.LoneGatewayTest):
    letter = "4"

    def person(self, rows=24, columns=80, command=None):
        environment = {"TERM": "xterm", "PATH": os.environ["PATH"], "LANG": "C"}
        person = Person(command or self.gateway.cli_argv, environment, rows, columns)
        self.addCleanup(person.close)
        return person

    # ---- the guide's session

    def compare(self, name, lines):
        text = GUIDE.read_text()
        block = re.compile(rf"(<!-- session: {name} -->\n```\n)(.*?)(```\n)", re.S)
        found = block.search(text)
        self.assertTrue(found, f"{GUIDE.name} has no session {name}")
        # Values that are this run's own.
        shown = "\n".join(re.sub(r"ENC argon2id\$\S+", "ENC argon2id$…", line) for line in lines) + "\n"
        if os.environ.get("POSTERN_UPDATE_GOLDEN"):
            GUIDE.write_text(text[:found.start(2)] + shown + text[found.end(2):])
        else:
            self.assertEqual(found.group(2), shown, f"session {name} of {GUIDE.name}; POSTERN_UPDATE_GOLDEN=1 rewrites it")

    def test_1_the_session_of_the_guide(self):
        self.cli("config system global\nset hostname gw1\nend\n")
        p = self.person()
        found = p.mode()

        p.until("gw1 # $")
        p.key("?", "?", "# $")
        p.type("conf", "conf$")
        p.key("\t", "<Tab>", "config $")
        p.type("sys", "sys$")
        p.key("\t", "<Tab>", "system $")
        p.type("c", "c$")
        p.key("?", "?", "c$")
        p.type("onsole\r", r"\(console\) # $")
        p.type("end\r", "gw1 # $")
        p.type("execute fctems ", "fctems $")
        p.key("\t", "<Tab>", "fctems $")
        p.type("is", "is$")
        p.key("\t", "<Tab>", "is-verified $")
        p.key("?", "?", "is-verified $")
        p.type(CTRL_C, "gw1 # $")
        self.compare("help", p.chapter())

        p.type("config firewall vip\r", r"\(vip\) # $")
        p.type("edit web\r", r"\(web\) # $")
        p.type("set extport ", "extport $")
        p.key("?", "?", "extport $")
        p.type("70000\r", "# $")
        p.type("set extport 9443\r", "# $")
        p.type("set server-type ", "type $")
        p.key("?", "?", "type $")
        p.key("\t", "<Tab>", "https $")
        p.type("\r", "# $")
        p.type("show\r", "# $")
        p.type("next\r", r"\(vip\) # $")
        p.type("edit app\r", r"\(app\) # $")
        p.type('set comment "not in use yet"\r', "# $")
        p.type("end\r", "gw1 # $")
        self.compare("change", p.chapter())

        p.type("show firewall vip\r", "gw1 # $")
        p.type("show | grep -f 9443\r", "gw1 # $")
        p.type("get firewall vip | grep -n extport\r", "gw1 # $")
        p.type("show full-configuration | grep -c set\r", "gw1 # $")
        count = sum("set" in line for line in self.cli(None, "show full-configuration").stdout.splitlines())
        lines = p.chapter()
        self.assertEqual(lines[-1], str(count))
        self.compare("look", lines[:-2])    # how many there are is not for a guide

        p.key(UP, "<Up>", "grep -c set$")
        p.key(UP, "<Up>", "grep -n extport$")
        p.key(DOWN, "<Down>", "grep -c set$")
        p.type(CTRL_C, "gw1 # $")
        p.type("config system admin\r", r"\(admin\) # $")
        p.type("edit eve\r", r"\(eve\) # $")
        p.type('set password "correct horse battery"\r', r"\(eve\) # $")
        p.key(UP, "<Up>", "edit eve$")     # not the password
        p.type(CTRL_C, r"\(eve\) # $")
        p.key(CTRL_D, "<Ctrl-D>", r"\(eve\) # $")
        p.type("abort\r", "gw1 # $")
        self.compare("keys", p.chapter())

        p.type("show full-configuration\r", "--More-- $")
        p.key("\r", "<Enter>", "--More-- $")
        p.key(" ", "<Space>", "--More-- $")
        p.key("q", "q", "gw1 # $")
        pages = p.chapter()
        self.assertEqual(sum(line.startswith("--More--") for line in pages), 3, pages)
        self.assertEqual(pages.index("--More-- <Enter>"), 1 + 23, "the first page fills the screen")
        # The pages themselves are the configuration, which others may add to.
        stops = [line for line in pages if line.startswith("--More--")]
        self.compare("pages", [*pages[:3], "…", stops[0], "…", stops[1], "…", stops[2]])

        p.type("exit\r", "^exit|^$|exit$")
        self.assertEqual(p.ends(), 0)
        self.assertEqual(p.mode(), found)
        self.assertEqual(p.screen.unknown, [], "control sequences that a terminal might not know, either")

        before = self.cli(None, "show").stdout
        (self.directory / "changes.txt").write_text(CHANGES)
        done = self.cli(CHANGES, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(self.cli(None, "show").stdout, before)
        self.compare("text", ["$ cat changes.txt", *CHANGES.splitlines(), "$ postern-gateway cli < changes.txt",
                              *done.stderr.splitlines(), "$ echo $?", "1"])

    # ---- texts

    def tables(self):
        return [line.removeprefix("get ") for line in self.cli(None, "get").stdout.splitlines() if line != "get system status"]

    def test_2_what_show_prints_is_pasted_back(self):
        """Of a configuration that uses every table."""
        key, certificate = self.directory / "web.key", self.directory / "web.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                        "-subj", "/CN=web.example", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        text = GOLDEN.read_text().replace("/etc/postern/web.key", str(key))
        text = re.sub(r'(edit "web"\n        set certificate )".*?"\n', rf'\1"{certificate}"\n', text, count=1, flags=re.S)
        self.assertIn(str(certificate), text)
        self.cli(text)
        whole = self.cli(None, "show").stdout
        wipe = ""
        for table in reversed(self.tables()):
            self.assertIn(f"config {table}\n", whole, "tests/golden/gateway-config.txt has no sample of this table")
            if table == "system admin":
                continue    # somebody must be able to sign in
            keyed = "|- *" in self.cli(None, f"tree {table}").stdout.split("+-")[0]
            names = [] if keyed else re.findall(r"(?m)^\|- (\S+) (?!.*not set by people)", self.cli(None, f"tree {table}").stdout)
            wipe += f"config {table}\n" + ("purge\n" if keyed else "".join(f"unset {n}\n" for n in names)) + "end\n"
        self.cli(wipe)
        self.assertEqual(re.findall("(?m)^config .*", self.cli(None, "show").stdout), ["config system admin"])
        self.cli(whole)
        self.assertEqual(self.cli(None, "show").stdout, whole)

    def test_3_commands_between_blocks(self):
        done = self.cli('config system global\nset hostname first\nend\nshow system global | grep hostname\n'
                        'config system global\nset hostname second\nset admin-sport x\nend\nshow system global\n', check=False)
        self.assertEqual((done.returncode, done.stdout), (1, '    set hostname "first"\n'))
        self.assertIn("line 7: ", done.stderr)
        self.assertIn("lines 1 to 4 were carried out, nothing behind them was changed", done.stderr)
        self.assertIn('set hostname "first"', self.cli(None, "show system global").stdout)
        # Several lines in one -c are such a text; commands of a line each are not.
        done = self.cli(None, "config system global\nset hostname third\nend\nconfig system global\nset admin-sport x\nend",
                        check=False)
        self.assertIn("line 5: ", done.stderr)
        self.assertIn('set hostname "first"', self.cli(None, "show system global").stdout)

    # ---- endings

    def test_4_a_client_that_dies_leaves_nothing_behind(self):
        before = self.cli(None, "show").stdout
        p = self.person()
        p.until("# $")
        p.type("config system global\r", r"\(global\) # $")
        p.type("set hostname gone\r", r"\(global\) # $")
        os.kill(p.pid, signal.SIGKILL)
        self.assertEqual(p.ends(), -signal.SIGKILL)
        self.assertEqual(self.cli(None, "show").stdout, before)
        # A screen that changes its size loses nothing of a line.
        p = self.person()
        p.until("# $")
        p.type("get system st", "st$")
        p.resize(50, 132)
        p.type("atus | grep Hostname\r", "# $")
        self.assertIn("Hostname: ", p.shown())
        p.type("exit\r", "exit$|^$")
        self.assertEqual(p.ends(), 0)
        # One that is told to end leaves the terminal as it was.
        p = self.person()
        found = p.mode()
        p.until("# $")
        harness.wait_for(lambda: p.mode() != found, "the terminal to be the line editor's")
        os.kill(p.pid, signal.SIGTERM)
        self.assertEqual(p.ends(), -signal.SIGTERM)
        self.assertEqual(p.mode(), found)

    def test_5_a_gateway_that_stops_is_told(self):
        p = self.person(command=["sh", "-c", "f=$1; shift; stty -a > $f; \"$@\"; echo ended with $?; stty -a > $f.after", "sh",
                                 str(self.directory / "stty"), *self.gateway.cli_argv])
        p.until("# $")
        p.type("config system global\r", r"\(global\) # $")
        p.type("set hostname gone\r", r"\(global\) # $")
        self.gateway.process.kill(signal.SIGTERM)
        self.assertEqual(p.ends(), 0)
        self.assertIn("the gateway closed the connection (did it stop?); what was staged is lost", p.shown().replace("\n", ""))
        self.assertIn("ended with 2", p.shown())
        p = self.person()
        self.assertEqual(p.ends(), 2)
        self.assertIn("(is the gateway running?)", p.shown().replace("\n", ""))


if __name__ == "__main__":
    harness.main()
