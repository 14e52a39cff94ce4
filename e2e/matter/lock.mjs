// A Matter lock with a bolt of its own: what it says can be made wrong, what it did is counted.
//
// It answers a command first and moves then, as locks with a motor do.

import { DoorLock, PowerSource } from "@matter/main/clusters";
import { DoorLockDevice } from "@matter/main/devices/door-lock";
import { DoorLockServer } from "@matter/main/behaviors/door-lock";
import { PowerSourceServer } from "@matter/main/behaviors/power-source";
import { ServerNode } from "@matter/main/node";
import { Status, StatusResponseError } from "@matter/main/types";
import { Codes } from "./codes.mjs";

const { AlarmCode, DoorState, LockOperationType, LockState, OperationSource } = DoorLock;

/** The first UDP port of a lock; they are alone in their network. */
const FIRST_PORT = 5541;

const CODES = ["PinCredential", "CredentialOverTheAirAccess", "User", "WeekDayAccessSchedules", "YearDayAccessSchedules"];

const SOURCES = {
  manual: OperationSource.Manual,
  auto: OperationSource.Auto,
  keypad: OperationSource.Keypad,
  button: OperationSource.Button,
  schedule: OperationSource.Schedule,
  remote: OperationSource.Remote,
  proprietary: OperationSource.ProprietaryRemote,
  rfid: OperationSource.Rfid,
  biometric: OperationSource.Biometric,
  unspecified: OperationSource.Unspecified,
};

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const byNode = new Map();

/** The locks by the port that they listen on, for the network to ask whether they can be reached. */
export const byPort = new Map();

/** What a lock does with a command, instead of what a library's does. */
function listening(Base) {
  return class extends Base {
    lockDoor(request) {
      return byNode.get(this.endpoint.owner.id).commanded("locked", this, () => super.lockDoor(request));
    }

    unlockDoor(request) {
      return byNode.get(this.endpoint.owner.id).commanded("unlocked", this, () => super.unlockDoor(request));
    }
  };
}

/** What a lock with a keypad does with its users and their PINs. */
function keeping(Base) {
  const codes = (behavior) => byNode.get(behavior.endpoint.owner.id).codes;
  const Keeping = class extends Base {};
  for (const command of ["setUser", "getUser", "clearUser", "setCredential", "getCredentialStatus", "clearCredential"]) {
    Keeping.prototype[command] = function (request) {
      return codes(this)[command](request, this.context.fabric);
    };
  }
  return Keeping;
}

export class Lock {
  faults = {};
  moves = 0;
  motor_runs = 0;
  commands = [];
  cut = false;

  constructor(spec) {
    this.spec = spec;
    this.bolt = spec.bolt;
    this.codes = new Codes(this);
  }

  /** Builds a lock and switches it on. It waits to be commissioned. */
  static async install(spec) {
    const lock = new Lock(spec);
    const id = `lock-${spec.id}`;
    const port = FIRST_PORT + spec.id;
    byNode.set(id, lock);
    byPort.set(port, lock);
    const node = await ServerNode.create({
      id,
      network: { port },
      commissioning: { passcode: 20202021, discriminator: 256 + spec.id },
      productDescription: { name: spec.product, deviceType: DoorLockDevice.deviceType },
      basicInformation: {
        vendorId: 0xfff1,
        vendorName: spec.vendor,
        productId: 0x8000,
        productName: spec.product,
        nodeLabel: spec.label ?? "",
        serialNumber: `serial-${spec.id}`,
        uniqueId: `unique-${spec.id}`,
      },
    });
    const features = [...(spec.codes ? CODES : []), ...(spec.door_sensor ? ["DoorPositionSensor"] : [])];
    const Server = DoorLockServer.with(...features);
    lock.Server = listening(spec.codes ? keeping(Server) : Server);
    const powered = spec.battery !== undefined && spec.battery !== null;
    lock.Power = PowerSourceServer.with(PowerSource.Feature.Battery);
    const Device = powered ? DoorLockDevice.with(lock.Server, lock.Power) : DoorLockDevice.with(lock.Server);
    lock.endpoint = await node.add(Device, {
      id: "door",
      doorLock: lock.state(),
      ...(powered ? { powerSource: power(spec.battery) } : {}),
    });
    lock.node = node;
    await node.start();
    lock.listenForSubscribers();
    return lock;
  }

  /** A lock that is mute tells no subscriber what changed. */
  listenForSubscribers() {
    const changed = this.node.protocol.attrsChanged;
    const tell = changed.emit.bind(changed);
    changed.emit = (...change) => (this.faults.mute ? undefined : tell(...change));
  }

  state() {
    const { spec } = this;
    return {
      lockType: DoorLock.LockType.DeadBolt,
      lockState: this.bolt === "locked" ? LockState.Locked : LockState.Unlocked,
      actuatorEnabled: true,
      operatingMode: spec.mode,
      supportedOperatingModes: { normal: false, vacation: true, privacy: false, noRemoteLockUnlock: false, passage: true, alwaysSet: 2047 },
      ...(spec.auto_relock === undefined || spec.auto_relock === null ? {} : { autoRelockTime: spec.auto_relock }),
      ...(spec.door_sensor ? { doorState: DoorState.DoorClosed } : {}),
      ...(spec.codes
        ? {
            numberOfTotalUsersSupported: spec.codes,
            numberOfPinUsersSupported: spec.codes,
            numberOfWeekDaySchedulesSupportedPerUser: 1,
            numberOfYearDaySchedulesSupportedPerUser: 1,
            minPinCodeLength: spec.shortest,
            maxPinCodeLength: spec.longest,
            numberOfCredentialsSupportedPerUser: 1,
            wrongCodeEntryLimit: 5,
            userCodeTemporaryDisableTime: 60,
            requirePinForRemoteOperation: spec.requires_pin ?? false,
          }
        : {}),
    };
  }

  /** The code that commissions it. */
  get code() {
    return this.node.state.commissioning.pairingCodes.qrPairingCode;
  }

  look() {
    const { bolt, moves, motor_runs, commands, codes } = this;
    const state = this.endpoint.state.doorLock;
    const kept = { codes: codes.kept(), users: codes.known(), code_writes: codes.writes, code_reads: codes.reads };
    return { id: this.spec.id, bolt, moves, motor_runs, commands, auto_relock: state.autoRelockTime ?? 0, ...kept };
  }

  /** A command came. */
  commanded(to, behavior, validated) {
    this.commands.push(to);
    const { faults } = this;
    if (behavior.state.requirePinForRemoteOperation) return validated();
    if (faults.refuse) throw new StatusResponseError("refused", Status[faults.refuse] ?? Status.Failure);
    if (faults.silent_when_commanded) this.cut = true;
    const { fabric, subject } = behavior.context;
    const operation = { operationSource: OperationSource.Remote, fabricIndex: fabric, sourceNode: subject.id };
    if (!faults.lie) void this.run(to, operation).catch((error) => console.error(error));
  }

  /** The motor runs. */
  async run(to, operation) {
    this.motor_runs += 1;
    await sleep(this.faults.motor_ms ?? this.spec.motor_ms);
    if (this.faults.jam) return this.jams();
    await this.comesTo(to, operation);
  }

  async jams() {
    this.bolt = "stuck";
    await this.change({ lockState: LockState.NotFullyLocked });
    await this.happens("doorLockAlarm", { alarmCode: AlarmCode.LockJammed });
  }

  /** The bolt is at an end, and the lock tells of it. */
  async comesTo(to, operation) {
    if (this.bolt !== to) this.moves += 1;
    this.bolt = to;
    const { faults } = this;
    const told = {
      lockOperationType: to === "locked" ? LockOperationType.Lock : LockOperationType.Unlock,
      userIndex: null,
      fabricIndex: null,
      sourceNode: null,
      ...operation,
      ...(this.spec.codes ? { credentials: operation.credentials ?? null } : {}),
    };
    const state = () => this.change({ lockState: to === "locked" ? LockState.Locked : LockState.Unlocked });
    const event = () => this.happens("lockOperation", told);
    if (faults.reordered) {
      await state();
      await sleep(faults.reordered);
      await event();
    } else {
      await state();
      if (!this.spec.untold) await event();
    }
    for (let i = 0; i < (faults.repeats ?? 0); i++) await event();
    if (faults.repeat_after_ms) void sleep(faults.repeat_after_ms).then(event);
  }

  /** Sets attributes of the lock. */
  async change(attributes) {
    await this.endpoint.act((agent) => Object.assign(agent.get(this.Server).state, attributes));
  }

  /** An event of the lock. */
  async happens(name, payload) {
    if (this.faults.mute) return;
    await this.endpoint.act((agent) => {
      const lock = agent.get(this.Server);
      lock.events[name].emit(payload, lock.context);
    });
  }

  /** Somebody or something at the door moves the bolt. */
  async act({ to, by, user, credential }) {
    const credentials = credential ? [{ credentialType: DoorLock.CredentialType.Pin, credentialIndex: credential }] : null;
    await this.comesTo(to, { operationSource: SOURCES[by], userIndex: user ?? null, credentials });
  }

  /** The lock says something, true or not. */
  async say({ attributes, event, payload, battery }) {
    if (attributes) await this.change(attributes);
    if (event) await this.happens(event, payload);
    if (battery !== undefined && battery !== null) {
      await this.endpoint.act((agent) => Object.assign(agent.get(this.Power).state, power(battery)));
    }
  }

  /** Its power comes or goes; it says goodbye before it does. */
  async power({ on }) {
    await (on ? this.node.start() : this.node.cancel());
  }
}

function power(percent) {
  return {
    status: PowerSource.PowerSourceStatus.Active,
    order: 0,
    description: "Battery",
    batPercentRemaining: percent * 2,
    batChargeLevel: percent < 20 ? PowerSource.BatChargeLevel.Warning : PowerSource.BatChargeLevel.Ok,
    batReplaceability: PowerSource.BatReplaceability.UserReplaceable,
    batReplacementNeeded: false,
  };
}
