"""A host on the endpoints' segment that lies: it says that another's address is its own, and sends in another's name."""
import contextlib
import fcntl
import socket
import struct
import threading

from harness import LabError
from lab import inside

BROADCAST = b"\xff" * 6
ARP, IPV4 = 0x0806, 0x0800
REQUEST, REPLY = 1, 2


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Rogue:
    """Frames by hand, on one interface of a namespace."""

    def __init__(self, namespace, interface="eth0"):
        with inside(namespace):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((interface, 3))
        self.socket.settimeout(10)
        self.mac = fcntl.ioctl(self.socket, 0x8927, struct.pack("16s16x", interface.encode()))[18:24]
        self.seen = []     # IPv4 packets that were sent to this host's hardware address

    def close(self):
        self.socket.close()

    def arp(self, operation, sender, target, to=BROADCAST):
        body = struct.pack("!HHBBH6s4s6s4s", 1, IPV4, 6, 4, operation, self.mac, socket.inet_aton(sender), to,
                           socket.inet_aton(target))
        self.socket.send(to + self.mac + struct.pack("!H", ARP) + body)

    def claim(self, address, own, gateway, gateway_mac):
        """Says unasked, to all and to the gateway, that `address` is here. Returns when the gateway has taken it in: it
        answers what came after it, on the same way."""
        for _ in range(3):
            self.arp(REQUEST, address, address)
            self.arp(REPLY, address, address)
            self.arp(REPLY, address, gateway, gateway_mac)
            self.arp(REQUEST, address, gateway)
        self.arp(REQUEST, own, gateway)
        while True:
            frame = self.receive()
            if frame[12:14] == struct.pack("!H", ARP) and frame[20:22] == struct.pack("!H", REPLY) and \
                    frame[28:32] == socket.inet_aton(gateway) and frame[38:42] == socket.inet_aton(own):
                return

    @contextlib.contextmanager
    def lying(self, address, gateway, gateway_mac):
        """Says a thousand times a second, to all and to the gateway, that `address` is here."""
        ended = threading.Event()

        def lie():
            while not ended.wait(0.001):
                self.arp(REQUEST, address, address)
                self.arp(REPLY, address, gateway, gateway_mac)

        thread = threading.Thread(target=lie)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def receive(self):
        try:
            frame = self.socket.recv(65536)
        except TimeoutError:
            raise LabError("the gateway does not answer the rogue's own question")
        if frame[12:14] == struct.pack("!H", IPV4) and frame[:6] == self.mac:
            self.seen.append(frame[14:])
        return frame

    def intercepted(self, address):
        """How many packets for `address` came here."""
        self.socket.setblocking(False)
        try:
            while True:
                self.receive()
        except BlockingIOError:
            pass
        self.socket.settimeout(10)
        return sum(packet[16:20] == socket.inet_aton(address) for packet in self.seen)

    def send_udp(self, source, destination, port, text, gateway_mac):
        udp = struct.pack("!HHHH", 40000, port, 8 + len(text), 0) + text
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0,
                           socket.inet_aton(source), socket.inet_aton(destination))
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        self.socket.send(gateway_mac + self.mac + struct.pack("!H", IPV4) + head + udp)
