"""More EMSs than the stack's own, each in a slot of its own at the stack's gateway."""
from harness import stacks, wait_for

CONNECTOR = """config endpoint-control fctems
    edit {slot}
        set status enable
        set name "{name}"
        set server "{server}"
        set https-port {port}
    next
end
"""


class FurtherEms(stacks.Ems):
    """Beside the stack's own, at ports of its own."""

    def __init__(self, stack, directory, name, https_port, telemetry_port):
        self.name = name
        super().__init__(stack.lab, directory / name, "srv", "0.0.0.0", https_port, telemetry_port,
                         public=[f"{stack.ems_address}:{telemetry_port}"], names=[stack.ems_address], feeds=(), restart=False)
        self.start(stack.ems_host, stack.from_ns).sign_in()

    def start(self, host, namespace=None):
        self.host, self.namespace = host, namespace
        self.process = self.lab.start(self.name, self.command, self.short)
        self.ready()
        self.password = (self.data / "initial-password").read_text().strip()
        return self

    def connect(self, stack, slot, name):
        """Connector, certificate, authorise, connected."""
        gateway = stack.gateway
        gateway.configure(CONNECTOR.format(slot=slot, name=name, server=stack.ems_address, port=self.port))
        gateway.cli(f"execute fctems verify {slot} {self.fingerprint()['sha256']}")
        serial = gateway.serial()
        wait_for(lambda: [d for d in self.api("GET", "fabric-devices")["items"] if d["serial"] == serial],
                 f"the gateway among the fabric devices of {name}")
        self.authorise(serial)
        wait_for(lambda: "successful" in gateway.cli(f"diagnose endpoint fctems test-connectivity {slot}"),
                 f"the connector {slot}")
        return self
