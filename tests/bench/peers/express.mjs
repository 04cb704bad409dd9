// The peer that most people would write: Express, the raw body, a timestamped HMAC checked in constant time.
// node express.mjs PORT SECRET_FILE
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// Looked up from the working directory, where the harness has installed it, and not from this file's.
const express = createRequire(process.cwd() + "/")("express");
const [port, secretFile] = process.argv.slice(2);
const secret = readFileSync(secretFile);
const maxAgeSeconds = 300;

function holds(headers, body) {
  const timestamp = headers["x-webhook-timestamp"] ?? "";
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) <= maxAgeSeconds)) return false;
  const wanted = createHmac("sha256", secret).update(timestamp + ".").update(body).digest("hex");
  const given = Buffer.from((headers["x-webhook-signature"] ?? "").replace(/^sha256=/, ""));
  return given.length === wanted.length && timingSafeEqual(given, Buffer.from(wanted));
}

function answer(message) {
  if (message.type !== "tool-calls") return {};
  const results = message.tool_call_list.map((call) => ({
    tool_call_id: call.id,
    result: { name: "Jan Jansen", query: call.function.arguments.query },
  }));
  return { results };
}

const app = express();
app.post("/webhook", express.raw({ type: "application/json", limit: "2mb" }), (request, response) => {
  if (!holds(request.headers, request.body)) return response.status(401).json({ error: "unauthorized" });
  response.json(answer(JSON.parse(request.body).message));
});
app.listen(Number(port), "127.0.0.1", 4096);
