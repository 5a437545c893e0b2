#!/usr/bin/python3
"""A server of gRPC for the churn test: whatever method of /churn.Calls/ is called, its name comes back in a message each 200 ms, with this
server's name and the time (as churn_app.py has it). Debian's Python has the library.

Usage: churn_calls.py HOST PORT NAME
"""
import sys
import time
from concurrent import futures

import grpc

EVERY = 0.2


class Handler(grpc.GenericRpcHandler):
    def __init__(self, name):
        self.name = name

    def service(self, details):
        who = details.method.rsplit("/", 1)[1]

        def tell(_request, context):
            while context.is_active():
                yield f"{who} {self.name} {time.time():.3f}\n".encode()
                time.sleep(EVERY)
        return grpc.unary_stream_rpc_method_handler(tell)


if __name__ == "__main__":
    host, port, name = sys.argv[1:4]
    server = grpc.server(futures.ThreadPoolExecutor(200), handlers=[Handler(name)])
    if server.add_insecure_port(f"{host}:{port}") != int(port):
        sys.exit(f"can't listen at {host}:{port}")
    server.start()
    server.wait_for_termination()
