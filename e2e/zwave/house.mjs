// The house of a Z-Wave network: the stick and the locks, behind a serial port that is reached over TCP.
//
//   node house.mjs '{"home_id": 2119630849, "locks": [{"id": 2}, {"id": 3, "supervised": false}], "switches": [9]}'
//
// Prints {"port": …} and then answers each line of standard input, a JSON object with a `do`, by one line. It lives apart
// from the hub (hub.mjs), so that a hub can be killed and the bolts stay where they are. Ends with its standard input.

import net from "node:net";
import { createInterface } from "node:readline";
import { MockController, MockNode } from "@zwave-js/testing";
import { MockPort } from "@zwave-js/serial/mock";
import { SerialAPIParser, ZWaveSerialFrameType } from "@zwave-js/serial";
import {
  RemoveNodeFromNetworkRequest,
  RemoveNodeFromNetworkRequestStatusReport,
  RemoveNodeStatus,
  RemoveNodeType,
} from "@zwave-js/serial/serialapi";
import { CommandClasses as CC } from "@zwave-js/core";
import { createDefaultMockControllerBehaviors, createDefaultMockNodeBehaviors } from "zwave-js/Testing";
import { Lock } from "./lock.mjs";
import { SECURITY_KEYS } from "./keys.mjs";

const spec = JSON.parse(process.argv[2]);
const locks = new Map();
let controller;

const idle = () => (controller.state.get("communicationState") ?? 0) === 0;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What the mock controller lacks of a real one: it waits with the next frame until the last one is through. */
const patience = {
  async onHostMessage(_controller, message) {
    if (message.constructor.name.startsWith("SendData")) while (!idle()) await sleep(1);
    return false;
  },
};

let leaving;

/** What the mock controller lacks of a real one: it says which node was excluded. */
const exclusion = {
  async onHostMessage(_controller, message) {
    if (!(message instanceof RemoveNodeFromNetworkRequest) || message.removeNodeType !== RemoveNodeType.Any) return false;
    const nodeId = leaving;
    if (nodeId === undefined) return false;
    leaving = undefined;
    const { callbackId } = message;
    const report = (status) => new RemoveNodeFromNetworkRequestStatusReport({ callbackId, status, nodeId });
    void (async () => {
      for (const status of ["Ready", "NodeFound", "RemovingSlave", "Done"]) {
        await sleep(10);
        if (status === "Done") controller.removeNode(controller.nodes.get(nodeId));
        await controller.sendMessageToHost(report(RemoveNodeStatus[status]));
      }
      locks.delete(nodeId);
    })().catch((error) => console.error(error));
    return true;
  },
};

/** Frames to a lock that cannot be reached are sent, and nobody acknowledges them. */
function loseFramesOfUnreachable() {
  const send = controller.sendToNode.bind(controller);
  controller.sendToNode = (node, frame) =>
    locks.get(node.id)?.faults.unreachable ? controller.expectNodeACK(node, 1000) : send(node, frame);
}

async function addSwitch(id) {
  const capabilities = { txDelay: 1, genericDeviceClass: 0x10, commandClasses: [CC.Version, CC["Binary Switch"]] };
  const node = await MockNode.create({ id, controller, capabilities });
  controller.addNode(node);
  node.defineBehavior(...createDefaultMockNodeBehaviors());
}

/** The serial port of the stick, over TCP: one hub at a time, whole frames to the mock. */
async function serve(port) {
  const binding = await port.factory()();
  let socket;
  const toHub = new WritableStream({ write: (chunk) => void socket?.write(chunk) });
  void new ReadableStream(binding.source).pipeTo(toHub).catch(() => {});
  const stick = new WritableStream(binding.sink).getWriter();
  const server = net.createServer((connected) => {
    socket = connected;
    connected.setNoDelay(true);
    const parser = new SerialAPIParser();
    const bytes = parser.writable.getWriter();
    const toStick = new WritableStream({
      write(frame) {
        if (frame.type !== ZWaveSerialFrameType.SerialAPI) return;
        const data = typeof frame.data === "number" ? Uint8Array.from([frame.data]) : frame.data;
        void stick.write(data).catch(() => {});
      },
    });
    void parser.readable.pipeTo(toStick).catch(() => {});
    connected.on("data", (chunk) => void bytes.write(chunk).catch(() => {}));
    connected.on("error", () => {});
    connected.on("close", () => {
      if (socket === connected) socket = undefined;
      // Whatever was in the air when the hub died is over when the next one comes.
      controller.state.set("communicationState", 0);
      void bytes.abort().catch(() => {});
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server.address().port;
}

const doors = {
  look: () => ({ locks: [...locks.values()].map((lock) => lock.look()) }),
  faults({ node, faults }) {
    const lock = locks.get(node);
    lock.faults = faults;
    lock.node.autoAckControllerFrames = !faults.lost_answer;
  },
  joins({ lock }) {
    locks.set(lock.id, Lock.waiting(controller, lock));
  },
  leaves({ node }) {
    leaving = node;
  },
  vanishes({ node }) {
    controller.removeNode(controller.nodes.get(node));
    locks.delete(node);
  },
  act: (order) => locks.get(order.node).act(order),
  program: (order) => locks.get(order.node).program(order),
  say: (order) => locks.get(order.node).say(order),
};

async function answer(line) {
  const order = JSON.parse(line);
  try {
    const told = await doors[order.do](order);
    console.log(JSON.stringify({ id: order.id, ...told }));
  } catch (error) {
    console.log(JSON.stringify({ id: order.id, problem: String(error.stack ?? error) }));
  }
}

const mockPort = new MockPort();
controller = await MockController.create({
  mockPort,
  homeId: spec.home_id,
  ownNodeId: 1,
  securityKeys: SECURITY_KEYS,
});
controller.defineBehavior(...createDefaultMockControllerBehaviors());
controller.defineBehavior(patience, exclusion);
loseFramesOfUnreachable();
for (const lock of spec.locks) locks.set(lock.id, await Lock.install(controller, lock));
for (const id of spec.switches ?? []) await addSwitch(id);
// Both keep every frame for ever.
setInterval(() => {
  controller.clearReceivedHostMessages();
  for (const node of controller.nodes.values()) {
    node.clearReceivedControllerFrames();
    node.clearSentControllerFrames();
  }
}, 1000);
process.on("uncaughtException", (error) => console.error(error));
process.on("unhandledRejection", (error) => console.error(error));
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => void answer(line));
lines.on("close", () => process.exit(0));
console.log(JSON.stringify({ port: await serve(mockPort) }));
