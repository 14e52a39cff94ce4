// The hub: the real Z-Wave JS driver and its WebSocket server, on the stick of a house (house.mjs).
//
//   node hub.mjs '{"serial": 41234, "port": 0, "cache": "/tmp/…"}'
//
// Prints {"port": …} when it serves and every node of the network is known. Ends with its standard input.

import { Driver } from "zwave-js";
import { ZwavejsServer } from "@zwave-js/server";
import { SECURITY_KEYS } from "./keys.mjs";

const spec = JSON.parse(process.argv[2]);
process.stdin.resume();
process.stdin.on("close", () => process.exit(0));
process.stdin.on("end", () => process.exit(0));

const driver = new Driver(`tcp://127.0.0.1:${spec.serial}`, {
  logConfig: { enabled: false },
  securityKeys: SECURITY_KEYS,
  storage: { cacheDir: spec.cache },
  interview: { queryAllUserCodes: true },
  testingHooks: { skipFirmwareIdentification: true },
});
driver.on("error", (error) => console.error(error));
const once = (event) => new Promise((resolve) => driver.once(event, resolve));
const up = once("driver ready");
const ready = once("all nodes ready");
await driver.start();
await up;
if (!spec.early) await ready;
const server = new ZwavejsServer(driver, { port: spec.port, host: "127.0.0.1", enableDNSServiceDiscovery: false });
await server.start(true);
console.log(JSON.stringify({ port: server.server?.address?.().port ?? spec.port }));
