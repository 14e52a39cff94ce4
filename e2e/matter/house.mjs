// The house of a Matter network: the locks. Run it in a network of its own:
//
//   sh apart.sh node house.mjs '{"locks": [{"id": 1, "vendor": "Yale", "product": "Assure", "bolt": "locked"}]}'
//
// Prints {"pid": …, "authority": …, "codes": {"1": "MT:…"}} and then answers each line of standard input, a JSON object with
// a `do`, by one line. It lives apart from the hub (hub.py), so that a hub can be killed and the bolts stay where they are.
// Nothing of it is on disk. Ends with its standard input.

import { createInterface } from "node:readline";
import { Environment, Logger, LogLevel, Network, StorageService } from "@matter/main";
import { TestCert_PAA_NoVID_Cert } from "@matter/main/protocol";
import { NodeJsNetwork } from "@matter/nodejs";
import { Lock, byPort } from "./lock.mjs";

/** The network, in which a lock may be cut off: nothing from or to it arrives. */
class Cuttable extends NodeJsNetwork {
  async createUdpSocket(options) {
    const socket = await super.createUdpSocket(options);
    const isCut = () => {
      const lock = byPort.get(options.listeningPort);
      return lock !== undefined && (lock.cut || lock.faults.unreachable);
    };
    const send = socket.send.bind(socket);
    socket.send = async (...packet) => (isCut() ? undefined : send(...packet));
    const onData = socket.onData.bind(socket);
    socket.onData = (listener) => onData((...packet) => isCut() || listener(...packet));
    return socket;
  }
}

Logger.level = LogLevel.ERROR;
Logger.destinations.default.write = (text) => console.error(text);
const environment = Environment.default;
environment.get(StorageService).configuredDriver = "memory";
environment.set(Network, new Cuttable());

const spec = JSON.parse(process.argv[2]);
const locks = new Map();

const doors = {
  look: () => ({ locks: [...locks.values()].map((lock) => lock.look()) }),
  faults({ lock, faults }) {
    locks.get(lock).faults = faults;
    locks.get(lock).cut = false;
  },
  async joins({ lock }) {
    locks.set(lock.id, await Lock.install(lock));
    return { code: locks.get(lock.id).code };
  },
  act: (order) => locks.get(order.lock).act(order),
  program: (order) => locks.get(order.lock).codes.program(order),
  say: (order) => locks.get(order.lock).say(order),
  power: (order) => locks.get(order.lock).power(order),
};

async function answer(line) {
  const order = JSON.parse(line);
  try {
    const told = await doors[order.do](order);
    console.log(JSON.stringify({ number: order.number, ...told }));
  } catch (error) {
    console.log(JSON.stringify({ number: order.number, problem: String(error.stack ?? error) }));
  }
}

for (const lock of spec.locks) locks.set(lock.id, await Lock.install(lock));
process.on("uncaughtException", (error) => console.error(error));
process.on("unhandledRejection", (error) => console.error(error));
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => void answer(line));
lines.on("close", () => process.exit(0));
const codes = Object.fromEntries([...locks].map(([id, lock]) => [id, lock.code]));
const authority = Buffer.from(TestCert_PAA_NoVID_Cert).toString("base64");
console.log(JSON.stringify({ pid: process.pid, authority, codes }));
