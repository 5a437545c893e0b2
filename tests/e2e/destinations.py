"""What the agent listens for on loopback, and what the gateway's log says of it."""
import hashlib
import json

from harness import connect, tls_context, wait_for


class Destinations:
    """For a StackTest with `far`, the agent's network namespace."""

    @classmethod
    def fingerprint_of(cls, address, port):
        """Of the certificate of the access proxy there, once it answers."""
        def shown():
            try:
                with tls_context().wrap_socket(connect(address, port, cls.far)) as tls:
                    return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()
            except OSError:
                return None
        return wait_for(shown, f"the access proxy at {address}")

    @classmethod
    def listen_for(cls, destinations):
        cls.stack.ems.api("PUT", "profiles/Default/ztna-destinations", {"destinations": destinations})
        names = {d["name"] for d in destinations}
        wait_for(lambda: {d["name"] for d in cls.destinations() if d["listen"]} == names, "the agent to listen")

    @classmethod
    def destinations(cls):
        return json.loads(cls.stack.agent.call("destinations", "--json").stdout)

    @classmethod
    def destination(cls, name):
        return next(d for d in cls.destinations() if d["name"] == name)

    def logged(self, **wanted):
        """The last line of the traffic log with these values."""
        def found():
            for line in map(json.loads, reversed((self.stack.gateway.data / "traffic.log").read_text().splitlines())):
                if all(line.get(key) == value for key, value in wanted.items()):
                    return line
            return None
        return wait_for(found, f"a line of the traffic log with {wanted}")
