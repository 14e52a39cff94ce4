// The users and PINs of a lock, kept as real locks keep them: what a library's lock would store, with all the answers that the
// protocol has for what cannot be stored. What it says can be made wrong; what really opens the door is told by `kept`.

import { DoorLock } from "@matter/main/clusters";
import { Supervision } from "@matter/main/node";
import { Status, StatusResponseError } from "@matter/main/types";

const { CredentialType, DataOperationType, LockDataType, OperationSource, UserStatus, UserType } = DoorLock;

/** The answers that a lock has for a credential. */
const DUPLICATE = 2;
const OCCUPIED = 3;
const INVALID = 0x85;
const EXHAUSTED = 0x89;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Codes {
  users = new Map();
  pins = new Map();
  writes = 0;
  reads = 0;

  constructor(lock) {
    this.lock = lock;
  }

  get #faults() {
    return this.lock.faults;
  }

  get #most() {
    return this.lock.spec.codes;
  }

  /** The codes that open the door, in the order of their slots. */
  kept() {
    const opens = ([, pin]) => this.users.get(pin.user)?.userStatus === UserStatus.OccupiedEnabled;
    const told = ([slot, pin]) => ({ slot, code: pin.digits, user: pin.user, name: this.users.get(pin.user).userName });
    return [...this.pins].filter(opens).map(told).sort((a, b) => a.slot - b.slot);
  }

  /** The numbers of the users, in order. */
  known() {
    return [...this.users.keys()].sort((a, b) => a - b);
  }

  /** Somebody at the keypad puts a code into a slot, or empties it. */
  async program({ slot, code }) {
    if (code) {
      const user = this.pins.get(slot)?.user ?? this.#freeUser();
      if (!this.users.has(user)) this.users.set(user, this.#user({}, null));
      this.pins.set(slot, { digits: code, user, creator: null });
    } else {
      this.#remove(slot);
    }
    const operation = code ? DataOperationType.Add : DataOperationType.Clear;
    await this.#tell(LockDataType.Pin, operation, null, slot, { operationSource: OperationSource.Keypad });
  }

  // What comes over the network. `by` is the fabric that asks.

  setUser({ operationType, userIndex, ...wanted }, by) {
    this.#begin();
    if (userIndex < 1 || userIndex > this.#most) throw new StatusResponseError("no such user", Status.InvalidCommand);
    const before = this.users.get(userIndex);
    if (operationType === DataOperationType.Add && before) throw new DoorLock.OccupiedError("there is one");
    if (operationType === DataOperationType.Modify) {
      const isOthers = before?.creator !== by && (wanted.userName !== null || wanted.userUniqueId !== null);
      if (!before || isOthers) throw new StatusResponseError("not to be changed", Status.InvalidCommand);
    }
    if (!this.#faults.lie) this.users.set(userIndex, this.#user(wanted, by, before));
    void this.#tell(LockDataType.UserIndex, operationType, userIndex, null, { fabricIndex: by });
  }

  getUser({ userIndex }) {
    this.reads += 1;
    const user = this.users.get(userIndex);
    const nextUserIndex = this.known().find((index) => index > userIndex) ?? null;
    const nobody = { userName: null, userUniqueId: null, userStatus: null, userType: null, credentialRule: null };
    if (!user) {
      return { userIndex, ...nobody, credentials: null, creatorFabricIndex: null, lastModifiedFabricIndex: null, nextUserIndex };
    }
    const { creator, modified, ...told } = user;
    const own = [...this.pins].filter(([, pin]) => pin.user === userIndex);
    const credentials = own.map(([credentialIndex]) => ({ credentialType: CredentialType.Pin, credentialIndex }));
    return { userIndex, ...told, credentials, creatorFabricIndex: creator, lastModifiedFabricIndex: modified, nextUserIndex };
  }

  clearUser({ userIndex }, by) {
    this.#begin();
    if (!this.#faults.lie) this.#removeUser(userIndex);
    void this.#tell(LockDataType.UserIndex, DataOperationType.Clear, userIndex, null, { fabricIndex: by });
  }

  setCredential({ operationType, credential, credentialData, userIndex }, by) {
    this.writes += 1;
    const slot = credential.credentialIndex;
    const digits = Buffer.from(credentialData).toString();
    const status = this.#whyNot(operationType, slot, digits, userIndex, by);
    const free = [...Array(this.#most).keys()].map((index) => index + 1).find((index) => index > slot && !this.pins.has(index));
    if (status === Status.Success) {
      this.#store(() => this.pins.set(slot, { digits, user: userIndex, creator: by }));
      if (this.#faults.silent_codes) this.lock.cut = true;
      void this.#tell(LockDataType.Pin, operationType, userIndex, slot, { fabricIndex: by });
    }
    const answer = { status, userIndex: null, nextCredentialIndex: free ?? null };
    // The library does not know the statuses that the cluster has of its own.
    Supervision(answer, "status").validate = false;
    return answer;
  }

  #whyNot(operationType, slot, digits, userIndex, by) {
    const { lock } = this;
    if (this.#faults.refuse) return Status.Failure;
    if (this.#faults.code_status) return this.#faults.code_status;
    const before = this.pins.get(slot);
    const user = this.users.get(userIndex);
    if (slot < 1 || slot > this.#most || digits.length < lock.spec.shortest || digits.length > lock.spec.longest) return INVALID;
    if ([...this.pins].some(([other, pin]) => other !== slot && pin.digits === digits)) {
      return lock.spec.curt ? Status.Failure : DUPLICATE;
    }
    if (operationType === DataOperationType.Add) {
      if (before) return lock.spec.curt ? Status.Failure : OCCUPIED;
      if (this.#faults.lie) return Status.Success;
      if (user?.creator !== by) return INVALID;
      return [...this.pins.values()].some((pin) => pin.user === userIndex) ? EXHAUSTED : Status.Success;
    }
    const isOwn = before !== undefined && before.creator === by && before.user === userIndex && user?.creator === by;
    return isOwn ? Status.Success : INVALID;
  }

  getCredentialStatus({ credential }) {
    this.reads += 1;
    const slot = credential.credentialIndex;
    const pin = credential.credentialType === CredentialType.Pin ? this.pins.get(slot) : undefined;
    const next = [...this.pins.keys()].sort((a, b) => a - b).find((index) => index > slot) ?? null;
    return {
      credentialExists: pin !== undefined,
      userIndex: pin?.user ?? null,
      creatorFabricIndex: pin?.creator ?? null,
      lastModifiedFabricIndex: pin?.creator ?? null,
      nextCredentialIndex: next,
    };
  }

  clearCredential({ credential }, by) {
    this.#begin();
    // All of them at once: no client of this one's kind should ever ask for that.
    if (credential === null || credential.credentialIndex > this.#most) {
      for (const slot of [...this.pins.keys()]) this.#remove(slot);
      return;
    }
    this.#store(() => this.#remove(credential.credentialIndex));
    void this.#tell(LockDataType.Pin, DataOperationType.Clear, null, credential.credentialIndex, { fabricIndex: by });
  }

  #begin() {
    this.writes += 1;
    const { refuse } = this.#faults;
    if (refuse) throw new StatusResponseError("refused", Status[refuse] ?? Status.Failure);
  }

  /** Stores a code now, later, or never. */
  #store(change) {
    const { lie, store_after_ms } = this.#faults;
    if (lie) return;
    if (store_after_ms) setTimeout(change, store_after_ms);
    else change();
  }

  #user({ userName, userUniqueId, userStatus, userType, credentialRule }, by, before) {
    return {
      userName: userName ?? before?.userName ?? "",
      userUniqueId: userUniqueId ?? before?.userUniqueId ?? null,
      userStatus: userStatus ?? before?.userStatus ?? UserStatus.OccupiedEnabled,
      userType: userType ?? before?.userType ?? UserType.UnrestrictedUser,
      credentialRule: credentialRule ?? before?.credentialRule ?? DoorLock.CredentialRule.Single,
      creator: before ? before.creator : by,
      modified: by,
    };
  }

  #freeUser() {
    let index = 1;
    while (this.users.has(index)) index += 1;
    return index;
  }

  #remove(slot) {
    const user = this.pins.get(slot)?.user;
    this.pins.delete(slot);
    // Many locks have no users without anything to open the door with.
    const isLast = ![...this.pins.values()].some((pin) => pin.user === user);
    if (isLast && (this.lock.spec.users_go || this.users.get(user)?.creator === null)) this.users.delete(user);
  }

  #removeUser(index) {
    for (const [slot, pin] of [...this.pins]) if (pin.user === index) this.pins.delete(slot);
    this.users.delete(index);
  }

  async #tell(lockDataType, dataOperationType, userIndex, dataIndex, by) {
    // After the answer.
    await sleep(0);
    const change = { operationSource: OperationSource.Remote, fabricIndex: null, sourceNode: null, ...by };
    const told = this.lock.happens("lockUserChange", { lockDataType, dataOperationType, userIndex, dataIndex, ...change });
    await told.catch((error) => console.error(error));
  }
}
