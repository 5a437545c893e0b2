"""For tests on loopback: the access proxies in front of the application, and agents as each test wants them."""
import shutil

from harness import StackTest, open_tls, stacks


class OwnAgents(StackTest):
    options = {"namespaces": False, "restart": False}

    @classmethod
    def set_up(cls, stack):
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()

    def agent(self, name):
        """One of its own, enrolled, and its UID."""
        agent = stacks.Agent(self.stack.lab, self.directory / name, self.stack.runtime / name, None, name, restart=False).start()
        self.addCleanup(agent.process.stop)
        return agent, self.stack.enrol(agent)

    @classmethod
    def copy(cls, agent, name):
        """Of its certificate and key, as they are together now: it destroys those that count no more."""
        held = cls.directory / f"{name}.pem", cls.directory / f"{name}.key"
        shutil.copy(agent.certificate, held[0])
        shutil.copy(agent.key, held[1])
        return held

    def open(self, how, held):
        """A stream of that kind by this certificate and key."""
        port = self.stack.ports["proxy"]
        stream = how(open_tls("127.0.0.1", port, None, *held), f"127.0.0.1:{port}")
        self.addCleanup(stream.close)
        return stream
