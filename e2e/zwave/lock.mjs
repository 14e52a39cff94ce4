// One lock at its door: a Z-Wave node of the mock controller, and the bolt that it really has.
//
// What the lock says can be made wrong in every way that was seen with real ones (`faults`); what its bolt really did is
// counted here and nowhere else.

import { MockNode, createMockZWaveRequestFrame, ccCaps } from "@zwave-js/testing";
import { createDefaultMockNodeBehaviors } from "zwave-js/Testing";
import {
  BatteryCCGet,
  BatteryCCReport,
  ConfigurationCCGet,
  ConfigurationCCReport,
  ConfigurationCCSet,
  DoorLockCCConfigurationGet,
  DoorLockCCConfigurationReport,
  DoorLockCCConfigurationSet,
  DoorLockCCOperationGet,
  DoorLockCCOperationReport,
  DoorLockCCOperationSet,
  LockCCGet,
  LockCCReport,
  LockCCSet,
  NotificationCCGet,
  NotificationCCReport,
  Security2CC,
  UserCodeCCExtendedUserCodeSet,
  UserCodeCCGet,
  UserCodeCCReport,
  UserCodeCCSet,
  UserCredentialCCCredentialGet,
  UserCredentialCCCredentialReport,
  UserCredentialCCCredentialSet,
  UserCredentialCredentialReportType,
  UserCredentialModifierType,
  UserCredentialOperationType,
  UserCredentialType,
} from "@zwave-js/cc";
import { CommandClasses as CC, Duration, SecurityClass } from "@zwave-js/core";
import { Bytes } from "@zwave-js/shared";

const ACCESS_CONTROL = 6;
const MODES = { locked: 255, unlocked: 0, stuck: 254 };

/** The notification that tells of a movement: by what, and where to. */
const OPERATIONS = {
  manual: { locked: 1, unlocked: 2 },
  remote: { locked: 3, unlocked: 4 },
  keypad: { locked: 5, unlocked: 6 },
  auto: { locked: 9 },
};
const JAMMED = 11;
const CODES = { removed: 13, added: 14, duplicate: 15 };
const SLOT = { available: 0, enabled: 1 };
const DOOR = { open: 22, closed: 23 };
const EVENTS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 22, 23, 50];

/** Where the mock node keeps a PIN. */
const credentialKey = (slot) => `UserCredential_cred_${UserCredentialType.PINCode}_${slot}`;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Lock {
  /** Adds a lock to the network. */
  static async install(controller, spec) {
    const lock = new Lock(controller, spec);
    const node = await MockNode.create({ id: spec.id, controller, capabilities: lock.#capabilities() });
    controller.addNode(node);
    node.defineBehavior(...createDefaultMockNodeBehaviors());
    lock.#inhabit(node);
    return lock;
  }

  /** A lock that joins the network as soon as the hub includes a node. */
  static waiting(controller, spec) {
    const lock = new Lock(controller, spec);
    const capabilities = lock.#capabilities();
    controller.nodePendingInclusion = { id: spec.id, capabilities, setup: (node) => lock.#inhabit(node) };
    return lock;
  }

  constructor(controller, spec) {
    this.controller = controller;
    this.spec = { supervised: true, secure: false, lock_cc: false, notifies: true, tells: "both", motor_ms: 0, ...spec };
    this.bolt = spec.bolt ?? "locked";
    this.battery = spec.battery ?? 80;
    this.door = undefined;
    this.autoRelock = spec.auto_relock ?? 0;
    this.moves = 0;
    this.motorRuns = 0;
    this.commands = [];
    this.reads = 0;
    /** What is really in its slots: the number to {status, code}. */
    this.codes = new Map();
    this.codeWrites = 0;
    this.codeReads = 0;
    /** Its configuration parameters: the number to {size, value}. */
    this.parameters = new Map((spec.parameters ?? []).map(({ number, ...parameter }) => [number, parameter]));
    this.faults = {};
    this.inAir = Promise.resolve();
    this.told = Promise.resolve();
  }

  #inhabit(node) {
    this.node = node;
    node.defineBehavior({ handleCC: (_controller, _node, cc) => this.#handle(cc) });
  }

  /** The physical truth, for those who judge. */
  look() {
    const { bolt, moves, motorRuns: motor_runs, commands, reads, battery, autoRelock: auto_relock } = this;
    const codes = this.spec.credentials ? this.#credentials() : [...this.codes].map(([slot, held]) => ({ slot, ...held })).sort((one, other) => one.slot - other.slot);
    const { codeWrites: code_writes, codeReads: code_reads } = this;
    const parameters = Object.fromEntries([...this.parameters].map(([number, { value }]) => [number, value]));
    return {
      id: this.spec.id, bolt, moves, motor_runs, commands, reads, battery, auto_relock, codes, code_writes, code_reads,
      parameters,
    };
  }

  /** Somebody or something at the door moves the bolt, and the lock tells of it as `tells` says. */
  async act({ to, by = "manual", slot, tells = this.spec.tells }) {
    this.#move(to);
    await this.#inTurn(() => this.#tell(to, OPERATIONS[by][to], slot, tells));
  }

  /** Somebody programs the lock at its keypad: a code into a slot, or none. */
  async program({ slot, code }) {
    if (this.spec.credentials) return this.#programCredential(slot, code);
    this.#keep(slot, code == null ? undefined : { status: SLOT.enabled, code });
    await this.#send(this.#notification(code == null ? CODES.removed : CODES.added, slot));
  }

  /** Says something, whether it is true or not. */
  async say({ mode, event, slot, battery, door, delay_ms = 0 }) {
    await sleep(delay_ms);
    if (mode !== undefined) await this.#send(this.#report(mode));
    if (event !== undefined) await this.#send(this.#notification(event, slot));
    if (battery !== undefined) {
      this.battery = battery;
      await this.#send(new BatteryCCReport({ nodeId: 1, isLow: battery < 10, level: battery }));
    }
    if (door !== undefined) {
      this.door = door;
      await this.#send(this.#notification(DOOR[door]));
    }
  }

  #capabilities() {
    const { supervised, secure, lock_cc, notifies, codes, credentials, model, auto_relock, parameters } = this.spec;
    const commandClasses = [CC.Version, CC["Manufacturer Specific"], ccCaps({ ccId: CC.Battery, version: 1, secure })];
    if (secure) commandClasses.push(CC["Security 2"]);
    if (supervised) commandClasses.push(CC.Supervision);
    if (lock_cc) {
      commandClasses.push(ccCaps({ ccId: CC.Lock, version: 1, secure }));
    } else {
      commandClasses.push(
        ccCaps({
          ccId: CC["Door Lock"],
          version: 4,
          secure,
          autoRelockSupported: auto_relock !== undefined,
          doorSupported: false,
          boltSupported: false,
          latchSupported: false,
        }),
      );
    }
    if (credentials) {
      commandClasses.push(
        ccCaps({ ccId: CC["User Credential"], version: 1, secure, numberOfSupportedUsers: credentials }),
      );
    }
    if (codes) {
      const { code_version: version = 2, code_characters: supportedASCIIChars = "0123456789" } = this.spec;
      const supported = { version, secure, numUsers: codes, supportedASCIIChars, supportsUserCodeChecksum: false };
      commandClasses.push(ccCaps({ ccId: CC["User Code"], ...supported }));
    }
    if (parameters) commandClasses.push(ccCaps({ ccId: CC.Configuration, version: 1, secure }));
    if (notifies) {
      const notificationTypesAndEvents = { [ACCESS_CONTROL]: EVENTS };
      commandClasses.push(
        ccCaps({ ccId: CC.Notification, version: 8, secure, supportsV1Alarm: false, notificationTypesAndEvents }),
      );
    }
    return {
      genericDeviceClass: 0x40,
      specificDeviceClass: 0x03,
      isListening: false,
      isFrequentListening: "1000ms",
      txDelay: 1,
      ...(secure ? { securityClasses: new Set([SecurityClass.S2_AccessControl]) } : {}),
      ...(model ? { manufacturerId: model[0], productType: model[1], productId: model[2] } : {}),
      commandClasses,
    };
  }

  #handle(cc) {
    if (cc instanceof DoorLockCCOperationSet) return this.#command(cc.mode === MODES.locked ? "locked" : "unlocked", cc);
    if (cc instanceof LockCCSet) return this.#command(cc.locked ? "locked" : "unlocked", cc);
    if (cc instanceof DoorLockCCOperationGet) return this.#read(() => this.#report());
    if (cc instanceof LockCCGet) return this.#read(() => this.#report());
    if (cc instanceof BatteryCCGet) {
      return { action: "sendCC", cc: new BatteryCCReport({ nodeId: 1, isLow: false, level: this.battery }) };
    }
    if (cc instanceof NotificationCCGet) {
      // Without a door sensor the lock has no state to tell: idle.
      return { action: "sendCC", cc: this.#notification(this.door ? DOOR[this.door] : 0) };
    }
    if (cc instanceof DoorLockCCConfigurationSet) {
      if (this.faults.refuse) return { action: "fail" };
      this.autoRelock = cc.autoRelockTime ?? 0;
      return { action: "ok" };
    }
    if (cc instanceof ConfigurationCCGet) return this.#readParameter(cc.parameter);
    if (cc instanceof ConfigurationCCSet) return this.#writeParameter(cc);
    if (cc instanceof UserCredentialCCCredentialGet) return this.#readCredential();
    if (cc instanceof UserCredentialCCCredentialSet) return this.#writeCredential(cc);
    if (cc instanceof UserCodeCCGet) return this.#readCode(cc.userId);
    if (cc instanceof UserCodeCCSet) return this.#writeCodes([cc]);
    if (cc instanceof UserCodeCCExtendedUserCodeSet) return this.#writeCodes(cc.userCodes);
    if (cc instanceof DoorLockCCConfigurationGet) return { action: "sendCC", cc: this.#configuration() };
    return undefined;
  }

  #read(report) {
    this.reads += 1;
    return this.faults.unreadable ? { action: "stop" } : { action: "sendCC", cc: report() };
  }

  #readParameter(parameter) {
    const { size: valueSize, value } = this.parameters.get(parameter) ?? {};
    if (value === undefined || this.faults.unreadable) return { action: "stop" };
    return { action: "sendCC", cc: new ConfigurationCCReport({ nodeId: 1, parameter, value, valueSize }) };
  }

  #writeParameter({ parameter, value }) {
    const held = this.parameters.get(parameter);
    if (!held || this.faults.refuse) return { action: "fail" };
    if (!this.faults.lie) held.value = value;
    return { action: "ok" };
  }

  #keep(slot, held) {
    if (held) this.codes.set(slot, held);
    else this.codes.delete(slot);
  }

  #readCode(slot) {
    this.codeReads += 1;
    if (this.faults.unreadable || (this.faults.silent_codes && this.codeWrites > 0)) return { action: "stop" };
    const { status, code } = this.codes.get(slot) ?? { status: SLOT.available, code: undefined };
    const userCode = this.spec.hides_codes && code ? "*".repeat(code.length) : code;
    const report = new UserCodeCCReport({ nodeId: 1, userId: slot, userIdStatus: status, userCode });
    return { action: "sendCC", cc: report };
  }

  /** Slots are written over the radio: one at a time, but number 0 is all of them. */
  #writeCodes([{ userId: slot, userIdStatus: status, userCode }]) {
    this.codeWrites += 1;
    const { deaf, refuse, lie, lost_answer, silent_codes, store_after_ms } = this.faults;
    if (deaf) return { action: "stop" };
    if (refuse) return { action: "fail" };
    if (lie) return { action: "ok" };
    const held = status === SLOT.available ? undefined : { status, code: userCode.toString() };
    const other = [...this.codes].find(([number, kept]) => held && number !== slot && kept.code === held.code);
    if (other) {
      this.#soon(() => this.#send(this.#notification(CODES.duplicate, slot)), 0);
      return { action: "fail" };
    }
    const store = () => {
      if (slot === 0) this.codes.clear();
      else this.#keep(slot, held);
    };
    if (store_after_ms) {
      setTimeout(store, store_after_ms);
      return { action: "ok" };
    }
    store();
    if (lost_answer || silent_codes) return { action: "stop" };
    if (this.spec.notifies) this.#soon(() => this.#send(this.#notification(held ? CODES.added : CODES.removed, slot)));
    return { action: "ok" };
  }

  // The newer class: the mock node keeps users and credentials, and answers, unless this lock misbehaves.

  #credentials() {
    const found = [];
    for (let slot = 1; slot <= this.spec.credentials; slot += 1) {
      const held = this.node.state.get(credentialKey(slot));
      if (!held) continue;
      const user = this.node.state.get(`UserCredential_user_${held.userId}`);
      found.push({ slot, status: user?.active ? 1 : 2, code: Buffer.from(held.credentialData).toString() });
    }
    return found;
  }

  #storeCredential(slot, userId, credentialData) {
    if (credentialData === undefined) return void this.node.state.delete(credentialKey(slot));
    const stored = { userId, credentialData, modifierType: UserCredentialModifierType.Locally, modifierNodeId: 0 };
    this.node.state.set(credentialKey(slot), stored);
    const key = `UserCredential_user_${userId}`;
    if (this.node.state.has(key)) return;
    const user = { userType: 0, active: true, credentialRule: 1, expiringTimeoutMinutes: 0, nameEncoding: 0, userName: "" };
    this.node.state.set(key, { ...user, modifierType: UserCredentialModifierType.Locally, modifierNodeId: 0 });
  }

  #credentialReport(reportType, userId, credentialSlot, credentialData) {
    return new UserCredentialCCCredentialReport({
      nodeId: 1,
      reportType,
      userId,
      credentialType: UserCredentialType.PINCode,
      credentialSlot,
      credentialReadBack: true,
      credentialData: credentialData ?? new Uint8Array(),
      modifierType: UserCredentialModifierType.Locally,
      modifierNodeId: 0,
    });
  }

  async #programCredential(slot, code) {
    const data = code == null ? undefined : Bytes.from(code, "ascii");
    this.#storeCredential(slot, slot, data);
    const { CredentialAdded, CredentialDeleted } = UserCredentialCredentialReportType;
    await this.#send(this.#credentialReport(data ? CredentialAdded : CredentialDeleted, slot, slot, data));
  }

  #readCredential() {
    this.codeReads += 1;
    const silent = this.faults.unreadable || (this.faults.silent_codes && this.codeWrites > 0);
    return silent ? { action: "stop" } : undefined;
  }

  #writeCredential({ operationType, userId, credentialSlot: slot, credentialData }) {
    this.codeWrites += 1;
    const { deaf, refuse, lie, silent_codes, store_after_ms } = this.faults;
    const data = operationType === UserCredentialOperationType.Delete ? undefined : credentialData;
    const { CredentialAdded, CredentialDeleted, ManufacturerSecurityRules } = UserCredentialCredentialReportType;
    const done = data ? CredentialAdded : CredentialDeleted;
    if (deaf) return { action: "stop" };
    if (refuse) {
      this.#soon(() => this.#send(this.#credentialReport(ManufacturerSecurityRules, userId, slot)));
      return { action: "fail" };
    }
    if (silent_codes) {
      this.#storeCredential(slot, userId, data);
      return { action: "stop" };
    }
    if (!lie && !store_after_ms) return undefined;
    if (!lie) setTimeout(() => this.#storeCredential(slot, userId, data), store_after_ms);
    this.#soon(() => this.#send(this.#credentialReport(done, userId, slot, data)));
    return { action: "ok" };
  }

  /** A command came over the radio. */
  #command(to, cc) {
    this.commands.push(to);
    const { deaf, refuse, lie, jam, lost_answer } = this.faults;
    if (deaf) return { action: "stop" };
    if (refuse) return { action: "fail" };
    if (lie) return { action: "ok" };
    if (jam) return this.#jam(cc);
    const motor = this.faults.motor_ms ?? this.spec.motor_ms;
    if (motor === 0) {
      this.#run(to);
      if (lost_answer) return { action: "stop" };
      void this.#inTurn(() => this.#tell(to, OPERATIONS.remote[to]), 2);
      return { action: "ok" };
    }
    this.#soon(() => this.#finish(to, cc), motor);
    return { action: "ok", durationMs: motor };
  }

  async #finish(to, cc) {
    this.#run(to);
    const words = async () => {
      if (this.spec.supervised) await this.node.sendResponse(cc, { action: "ok" });
      await this.#tell(to, OPERATIONS.remote[to]);
    };
    await this.#inTurn(words);
  }

  #jam(cc) {
    this.motorRuns += 1;
    this.bolt = "stuck";
    this.#soon(async () => {
      if (this.spec.notifies) await this.#send(this.#notification(JAMMED));
      if (this.spec.supervised) await this.node.sendResponse(cc, { action: "fail" });
      await sleep(20);
      if (this.spec.tells !== "none") await this.#send(this.#report());
    });
    return { action: "stop" };
  }

  #run(to) {
    this.motorRuns += 1;
    this.#move(to);
  }

  #move(to) {
    if (this.bolt !== to) this.moves += 1;
    this.bolt = to;
  }

  /** Tells of a movement, as this lock does: by a notification, by a report, by both or not at all. */
  async #tell(to, event, slot, tells = this.spec.tells) {
    if (this.faults.mute || tells === "none") return;
    const notification = () => this.spec.notifies && tells !== "report" && this.#send(this.#notification(event, slot));
    const report = () => tells !== "notification" && this.#send(this.#report(MODES[to]));
    const words = this.faults.reordered ? [report, notification] : [notification, report];
    for (let time = 0; time <= (this.faults.repeats ?? 0); time += 1) {
      for (const word of words) await word();
    }
    if (this.faults.repeat_after_ms) {
      this.#soon(() => this.#send(this.#report(MODES[to])), this.faults.repeat_after_ms);
    }
  }

  #report(mode = MODES[this.bolt]) {
    if (this.spec.lock_cc) return new LockCCReport({ nodeId: 1, locked: mode === MODES.locked });
    const handles = [true, true, true, true];
    return new DoorLockCCOperationReport({
      nodeId: 1,
      currentMode: mode,
      outsideHandlesCanOpenDoor: handles,
      insideHandlesCanOpenDoor: handles,
      targetMode: mode,
      duration: new Duration(0, "seconds"),
    });
  }

  #configuration() {
    const handles = [true, true, true, true];
    return new DoorLockCCConfigurationReport({
      nodeId: 1,
      operationType: 1,
      outsideHandlesCanOpenDoorConfiguration: handles,
      insideHandlesCanOpenDoorConfiguration: handles,
      autoRelockTime: this.autoRelock,
      holdAndReleaseTime: 0,
      twistAssist: false,
      blockToBlock: false,
    });
  }

  #notification(event, slot) {
    const eventParameters = slot === undefined ? undefined : Uint8Array.from([slot]);
    return new NotificationCCReport({
      nodeId: 1,
      notificationType: ACCESS_CONTROL,
      notificationEvent: event,
      eventParameters,
    });
  }

  /** What a lock has to say of one movement comes after what it has to say of the one before, however busy the machine is. */
  #inTurn(words, after = 0) {
    const say = () => sleep(after).then(words);
    this.told = this.told.then(say, say).catch((error) => console.error(error));
    return this.told;
  }

  #soon(action, after = 2) {
    setTimeout(() => void action().catch((error) => console.error(error)), after);
  }

  /** One frame after the other, as a radio does it. A lock that cannot be reached cannot be heard either. */
  #send(cc) {
    const send = async () => {
      if (this.faults.unreachable) return;
      const sealed = this.spec.secure ? await Security2CC.encapsulate(cc, this.node.id, this.node.securityManagers) : cc;
      await this.node.sendToController(createMockZWaveRequestFrame(sealed, { ackRequested: false }));
    };
    this.inAir = this.inAir.then(send, send);
    return this.inAir;
  }
}
