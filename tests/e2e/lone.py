"""A gateway alone, in a network namespace of its own: no EMS, no agent, nothing behind it."""
import http.client
import json
import shutil
import tempfile
import unittest
from pathlib import Path

import harness
from harness import connect, stacks, tls_context, wait_for
from lab import Lab, checkout_id, namespaces_allowed, remove_leftovers


class LoneGatewayTest(unittest.TestCase):
    """One gateway per test file. Subclasses give a letter that tells the test files of one checkout apart."""
    letter = "z"

    @classmethod
    def setUpClass(cls):
        refused = namespaces_allowed()
        if refused:
            raise unittest.SkipTest(f"this kernel refuses network namespaces: {refused}")
        name = checkout_id() + cls.letter
        harness.alone_as(name)
        remove_leftovers(name)
        cls.directory = Path(tempfile.mkdtemp(prefix="postern-e2e-"))
        cls.directory.chmod(0o755)      # nginx's own user loads files from it
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.lab = Lab(name, cls.directory)
        cls.addClassCleanup(cls.lab.close)
        cls.lab.add_namespace("gw")
        cls.lab.add_namespace("far")
        cls.lab.connect("gw", "port1", "10.0.1.1/24", "far", "eth0", "10.0.1.2/24")
        cls.gateway = stacks.Gateway(cls.lab, cls.directory / "gateway", cls.directory / "run/gateway", restart=False)
        cls.gateway.runtime_dir.parent.mkdir()
        cls.gateway.runtime_dir.parent.chmod(0o755)
        cls.gateway.start()

    def cli(self, text=None, *commands, check=True):
        """A text on standard input, or commands; what came of it."""
        arguments = [part for command in commands for part in ("-c", command)]
        return self.lab.call(None, *self.gateway.cli_argv, *arguments, text=text, check=check)

    @classmethod
    def front(cls):
        """A connection to the access proxy at 10.0.1.1:9443, on which requests may name any host: the client tells no name in its
        handshake."""
        connection = http.client.HTTPSConnection("10.0.1.1", 9443)
        connection.sock = tls_context().wrap_socket(connect("10.0.1.1", 9443, cls.lab.namespaces["far"]))
        return connection

    def logged(self, headers):
        """The line of the traffic log for a request that could not be served, by what its answer was sent with."""
        reference = headers["X-Postern-Reference"]

        def found():
            lines = map(json.loads, (self.gateway.data / "traffic.log").read_text().splitlines())
            return [line for line in lines if line.get("id") == reference]
        return wait_for(found, "the line of the request")[0]


main = harness.main
