// A foreign application on Node's own servers: `node server.mjs KEY CERTIFICATE`. It prints its ports.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";

const held = [];

const behaviours = {
  // The first event at once, the second when somebody asks for it.
  "/events": (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: first\n\n");
    held.push(response);
  },
  "/release": (_, response) => {
    for (const waiting of held.splice(0)) waiting.end("data: second\n\n");
    response.end("released");
  },
  "/hints": (_, response) => {
    response.writeEarlyHints({ link: "</style.css>; rel=preload; as=style" });
    setTimeout(() => response.end("page"), 20);
  },
  "/range": (request, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range);
    response.writeHead(206, { "content-range": `bytes ${from}-${to}/10`, etag: '"a"' });
    response.end("0123456789".slice(from, Number(to) + 1));
  },
  "/trailers": (_, response) => {
    response.writeHead(200, { trailer: "x-sum" });
    response.write("content");
    response.addTrailers({ "x-sum": "42" });
    response.end();
  },
  "/download": (request, response) => {
    const piece = Buffer.alloc(64 * 1024, "x");
    let left = Number(request.headers["x-pieces"]);
    const write = () => {
      while (left > 0 && response.write(piece)) left -= 1;
      if (left > 0) {
        left -= 1;
        response.once("drain", write);
      } else response.end();
    };
    write();
  },
};

// Says no before it has read the request.
behaviours["/too-much"] = (request, response) => {
  response.statusCode = 413;
  behaviours["/download"](request, response);
};

// What came, as JSON.
const tell = (request, response) => {
  const hash = createHash("sha256");
  let length = 0;
  request.on("data", (data) => {
    hash.update(data);
    length += data.length;
  });
  request.on("end", () => {
    const { httpVersion: version, method, headers, trailers } = request;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ version, method, headers, trailers, length, sha256: hash.digest("hex") }));
  });
};

const answer = (request, response) => {
  const path = new URL(request.url, "http://app").pathname.replace(/^\/w/, "");
  (behaviours[path] ?? tell)(request, response);
};

// Echoes short text frames of a WebSocket (RFC 6455 §5.2) until one says that it closes.
const upgrade = (request, socket) => {
  const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const chosen = request.headers["sec-websocket-protocol"].split(",")[0].trim();
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${createHash("sha1").update(key).digest("base64")}\r\n` +
      `Sec-WebSocket-Protocol: ${chosen}\r\n\r\n`,
  );
  let received = Buffer.alloc(0);
  socket.on("error", () => {});
  socket.on("data", (data) => {
    received = Buffer.concat([received, data]);
    while (received.length >= 6 && received.length >= 6 + (received[1] & 127)) {
      const length = received[1] & 127;
      const mask = received.subarray(2, 6);
      const content = received.subarray(6, 6 + length).map((byte, at) => byte ^ mask[at % 4]);
      socket.write(Buffer.concat([Buffer.from([received[0], length]), content]));
      if ((received[0] & 15) === 8) return socket.end();
      received = received.subarray(6 + length);
    }
  });
};

const [key, cert] = process.argv.slice(2).map((file) => readFileSync(file));
const servers = {
  plain: http.createServer(answer),
  tls: https.createServer({ key, cert }, answer),
  http2: http2.createSecureServer({ key, cert, allowHTTP1: true }, answer),
};
const ports = {};
for (const [name, server] of Object.entries(servers)) {
  server.on("upgrade", upgrade);
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  ports[name] = server.address().port;
}
console.log(JSON.stringify(ports));
