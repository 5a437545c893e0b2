// Says what it understood: one JSON line per request in the file given, and the same as the answer.
// node recorder.js <requests file> <ready file> <name>...    one listener per name, on the loopback, at any port
const fs = require('fs');
const http = require('http');

const [requests, ready, ...names] = process.argv.slice(2);
const out = fs.openSync(requests, 'a');
const ports = {};

function tell(record) {
  const line = JSON.stringify(record);
  fs.writeSync(out, line + '\n');
  return line;
}

function seen(name, request, body, more) {
  const headers = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) headers.push([request.rawHeaders[i], request.rawHeaders[i + 1]]);
  const trailers = [];
  for (let i = 0; i < request.rawTrailers.length; i += 2) trailers.push([request.rawTrailers[i], request.rawTrailers[i + 1]]);
  return {name, method: request.method, target: request.url, headers, trailers, body, ...more};
}

for (const name of names) {
  const server = http.createServer({keepAliveTimeout: 3600e3, requestTimeout: 0, headersTimeout: 0}, (request, response) => {
    const answer = (body) => {
      const text = tell(seen(name, request, body));
      response.writeHead(200, {'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text)});
      response.end(text);
    };
    if (request.url.startsWith('/early')) return answer('');       // before its body was read
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => answer(Buffer.concat(parts).toString('latin1')));
    request.on('error', () => {});
  });
  server.on('upgrade', (request, socket, head) => {
    tell(seen(name, request, head.toString('latin1'), {upgrade: request.headers.upgrade}));
    socket.on('error', () => {});
    socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  });
  server.on('connect', (request, socket) => {
    tell(seen(name, request, ''));
    socket.on('error', () => {});
    socket.end('HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n\r\n');
  });
  server.on('clientError', (error, socket) => {
    if (error.code === 'ECONNRESET' || !error.rawPacket) return socket.destroy();
    tell({name, bad: error.code, bytes: error.rawPacket.toString('latin1')});
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
  });
  server.listen(0, '127.0.0.1', () => {
    ports[name] = server.address().port;
    if (Object.keys(ports).length !== names.length) return;
    fs.writeFileSync(ready + '.new', JSON.stringify(ports));
    fs.renameSync(ready + '.new', ready);
  });
}
