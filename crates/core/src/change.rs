//! Changes: what must become true, each all or nothing. The engine and the API write through these and nothing else.

use std::fmt;

use jiff::Timestamp;

use crate::accounts::{Account, AccountEdit, LinkState};
use crate::attempts::{Attempt, Outcome};
use crate::commands::Command;
use crate::credentials::{ClientSession, Key};
use crate::devices::{Device, DeviceState, Editable};
use crate::events::Event;
use crate::evidence::Evidence;
use crate::ids::{
    AccountId, AttemptId, CallId, ClientSessionId, DeviceId, KeyId, NodeId, OperatorId, SpaceId, UserIdentityId,
    WebhookId, WorkspaceId,
};
use crate::spaces::{Members, Space, SpaceEdit};
use crate::user_identities::UserIdentity;
use crate::webhooks::{SigningSecret, Webhook};
use crate::workspaces::Workspace;

/// What an attempt conflicts with that would be accepted while others wait before it.
pub const OUT_OF_TURN: &str = "turn";

/// One change. It is committed as a whole or not at all, together with its events.
#[derive(Clone, Debug)]
pub enum Change {
    /// The first start: an operator, a workspace, its keys, its sandbox account and devices.
    SetUp(Box<SetUp>),
    /// A workspace was made, with its keys and, for a sandbox, its virtual locks.
    WorkspaceCreated(Box<NewWorkspace>),
    /// The API changed a workspace: its names, its looks, whether it is suspended and takes publishable keys. Conflicts
    /// (`"workspace"`) if it is gone.
    WorkspaceChanged(Box<Workspace>),
    /// An attempt was accepted. With a claim, conflicts (`"idempotency_key"`) if the same key was used before. Among nodes,
    /// conflicts ([`OUT_OF_TURN`]) if another one for the same lock still waits to be taken: it came first.
    AcceptAttempt {
        /// The attempt, pending.
        attempt: Attempt,
        /// The idempotency key under which it was asked for.
        claim: Option<IdempotencyClaim>,
    },
    /// An attempt was accepted whose lock is not served here: whoever serves it takes it from the database. Conflicts as
    /// above, and (`"queue"`) if too many attempts on its lock have not ended, or it is gone.
    AttemptLeft {
        /// The attempt, pending.
        attempt: Attempt,
        /// What it asks of the lock.
        command: Command,
        /// The idempotency key under which it was asked for.
        claim: Option<IdempotencyClaim>,
        /// How many attempts on one lock may be pending.
        queue: usize,
    },
    /// A node puts such an attempt into its lock's queue. Only from then on may its command be written. Conflicts
    /// (`"attempt"`) if it was taken before, or has ended.
    AttemptTaken {
        /// The attempt.
        attempt: AttemptId,
        /// The node.
        by: NodeId,
    },
    /// An attempt ended: its outcome, the lock's state and the events, in one. Conflicts if the attempt has ended.
    FinishAttempt {
        /// The attempt.
        attempt: AttemptId,
        /// How it ended.
        outcome: Outcome,
        /// When.
        ended_at: Timestamp,
        /// Why it ended so.
        evidence: Evidence,
        /// Whether another node may wait for it.
        is_awaited_elsewhere: bool,
        /// The lock's state, where it changed with it.
        state: Option<(DeviceId, DeviceState)>,
        /// What is told about it.
        events: Vec<Event>,
    },
    /// The engine learned something about a device: its state as a whole, with the events.
    DeviceChanged {
        /// The device.
        device: DeviceId,
        /// Its state.
        state: DeviceState,
        /// What is told about it.
        events: Vec<Event>,
    },
    /// Devices were seen for the first time. Conflicts (`"native_id"`) if the account has one of them already.
    DevicesFound {
        /// The devices.
        devices: Vec<Device>,
        /// What is told about them.
        events: Vec<Event>,
    },
    /// What the hub says of a device changed, or it came back.
    /// Inserts the device, or replaces `about` and `state` of the one with this id.
    DeviceSeen {
        /// The device. Nickname, metadata, managed and time zone of an existing row are kept.
        device: Box<Device>,
        /// What is told about it.
        events: Vec<Event>,
    },
    /// The API changed a device. Conflicts (`"device_edited"`) unless the row still is as it was `before`.
    DeviceEdited {
        /// The device.
        device: DeviceId,
        /// What was read.
        before: Editable,
        /// What is to be.
        after: Editable,
        /// What is told about it.
        events: Vec<Event>,
    },
    /// The time zones of devices were told, by their IANA names. Conflicts (`"device"`) if one of them is gone.
    TimeZonesTold(Vec<(DeviceId, String)>),
    /// An account was connected. Conflicts (`"hub_key"`) if the workspace already has this hub.
    AccountCreated {
        /// The account.
        account: Box<Account>,
        /// Client session that gets to see it, if one asked.
        events: Vec<Event>,
    },
    /// The API changed an account. Conflicts (`"account"`) if it is gone or belongs to another customer already.
    AccountEdited {
        /// The account.
        account: AccountId,
        /// What is to be.
        edit: AccountEdit,
    },
    /// An account's link changed.
    AccountLink {
        /// The account.
        account: AccountId,
        /// How the link is.
        link: LinkState,
        /// Whether the first discovery is done.
        first_sync_done: bool,
        /// What is told about it.
        events: Vec<Event>,
    },
    /// An account is deleted with its devices; pending attempts on them must have ended before.
    /// Its id is struck from every client session.
    AccountDeleted {
        /// The account.
        account: AccountId,
        /// What is told about it.
        events: Vec<Event>,
    },
    /// The record of a device is deleted; pending attempts on it must have ended before. Conflicts (`"device"`) if it is
    /// gone.
    DeviceDeleted {
        /// The device.
        device: DeviceId,
        /// What is told about it.
        events: Vec<Event>,
    },
    /// A sandbox workspace is brought back to its start.
    WorkspaceReset(Box<Reset>),
    /// A client session was made. Conflicts (`"user_identifier_key"`) if a live one has the same key,
    /// (`"user_identity"`) if its identity is gone.
    SessionCreated(Box<ClientSession>),
    /// A client session's end or grants changed. Conflicts (`"session"`) if it is gone, (`"user_identity"`) if the
    /// identity is.
    SessionChanged {
        /// The session.
        session: ClientSessionId,
        /// Its accounts.
        accounts: Vec<AccountId>,
        /// Its user identity.
        identity: Option<UserIdentityId>,
        /// Its end.
        expires_at: Timestamp,
    },
    /// A client session gave its user identifier key up to a newer one, because it was revoked or expired.
    SessionRetired(ClientSessionId),
    /// A client session ends and its record stays. Conflicts (`"session"`) if it is gone or was revoked before.
    SessionRevoked {
        /// The session.
        session: ClientSessionId,
        /// When.
        at: Timestamp,
        /// What is told about it.
        events: Vec<Event>,
    },
    /// A client session is deleted. Conflicts (`"session"`) if it is gone.
    SessionDeleted {
        /// The session.
        session: ClientSessionId,
        /// What is told about it.
        events: Vec<Event>,
    },
    /// A call under an idempotency key begins. Conflicts (`"kept_call"`) if there was one before.
    CallClaimed(ClaimedCall),
    /// Such a call was answered.
    CallAnswered {
        /// The call.
        call: ClaimedCall,
        /// The body of the answer.
        answer: KeptAnswer,
    },
    /// Such a call was refused: nothing is kept of it.
    CallReleased(CallId),
    /// A change that was made out of what was read before, if that is still so. Conflicts ([`AsOf::OUTRUN`]) otherwise:
    /// another node has changed it meanwhile, and it has to be read again.
    Over {
        /// What was read.
        read: Vec<AsOf>,
        /// The change.
        change: Box<Change>,
    },
    /// A space was made. Conflicts (`"space_key"`) if the workspace has one with the same key, (`"member"`) if what is
    /// put into it is gone.
    SpaceCreated {
        /// The space.
        space: Box<Space>,
        /// What is put into it.
        members: Members,
        /// What is told about it.
        events: Vec<Event>,
    },
    /// The API changed a space. Conflicts (`"space"`) if it is gone, (`"member"`) if what is put into it is gone or there
    /// already.
    SpaceChanged {
        /// The space.
        space: SpaceId,
        /// What is to be.
        edit: SpaceEdit,
        /// What is put into it.
        joined: Members,
        /// What is taken out of it.
        left: Members,
        /// What is told about it.
        events: Vec<Event>,
    },
    /// A space is deleted; what was in it stays. Conflicts (`"space"`) if it is gone.
    SpaceDeleted {
        /// The space.
        space: SpaceId,
        /// What is told about it.
        events: Vec<Event>,
    },
    /// A user identity was made. Conflicts (`"user_identity_key"`, `"email_address"`, `"phone_number"`) if the workspace
    /// has one with the same.
    IdentityCreated(Box<UserIdentity>),
    /// The API changed what is known of a user identity. Conflicts as when one is made, and (`"user_identity"`) if it is
    /// gone.
    IdentityChanged(Box<UserIdentity>),
    /// A user identity is deleted with its grants and its client sessions. Conflicts (`"user_identity"`) if it is gone,
    /// (`"identity_sessions"`) if it has other sessions than these.
    IdentityDeleted {
        /// The identity.
        identity: UserIdentityId,
        /// Its sessions.
        sessions: Vec<ClientSessionId>,
        /// What is told about it.
        events: Vec<Event>,
    },
    /// Other identities become one with `into`, which is found under their ids and keys from now on: their grants and
    /// client sessions become its own. Conflicts (`"user_identity"`) if one of them is gone.
    IdentitiesMerged {
        /// The identity that stays, as it is to be.
        into: Box<UserIdentity>,
        /// Those that become part of it.
        merged: Vec<UserIdentityId>,
    },
    /// A device was granted to a user identity. Conflicts (`"grant"`) if one of them is gone, or it was granted before.
    DeviceGranted {
        /// The identity.
        identity: UserIdentityId,
        /// The device.
        device: DeviceId,
        /// When.
        at: Timestamp,
    },
    /// A device is no longer granted to a user identity, if it was.
    DeviceRevoked {
        /// The identity.
        identity: UserIdentityId,
        /// The device.
        device: DeviceId,
    },
    /// A webhook was made.
    WebhookCreated(Box<Webhook>),
    /// The API changed what a webhook is told of. Conflicts (`"webhook"`) if it is gone.
    WebhookChanged {
        /// The webhook.
        webhook: WebhookId,
        /// The types of events.
        event_types: Vec<String>,
    },
    /// A webhook was enabled again: it is told of what is committed after this place. Conflicts (`"webhook"`) if it is gone.
    WebhookEnabled {
        /// The webhook.
        webhook: WebhookId,
        /// The place in commit order.
        from: i64,
    },
    /// A webhook signs with a new secret; the one before goes on beside it. Conflicts (`"webhook"`) if it is gone.
    WebhookRotated {
        /// The webhook.
        webhook: WebhookId,
        /// The new secret.
        secret: SigningSecret,
        /// Until when the one before still signs.
        until: Timestamp,
    },
    /// A webhook is deleted with its deliveries. Conflicts (`"webhook"`) if it is gone.
    WebhookDeleted(WebhookId),
    /// A key was made.
    KeyCreated {
        /// The key.
        key: Box<Key>,
        /// The whole text of a publishable key, which its workspace shows from now on: browsers carry it, so it is no
        /// secret.
        shown: Option<String>,
    },
    /// A key was revoked. A workspace that showed it shows none.
    KeyRevoked {
        /// The key.
        key: KeyId,
        /// When.
        at: Timestamp,
    },
}

/// What the first start makes.
#[derive(Clone, Debug)]
pub struct SetUp {
    /// The operator.
    pub operator: OperatorId,
    /// The workspace.
    pub workspace: Workspace,
    /// Its keys.
    pub keys: Vec<Key>,
    /// Its sandbox account.
    pub account: Account,
    /// Its virtual locks.
    pub devices: Vec<Device>,
    /// What is told about it.
    pub events: Vec<Event>,
}

/// What a new workspace begins with.
#[derive(Clone, Debug)]
pub struct NewWorkspace {
    /// The workspace.
    pub workspace: Workspace,
    /// Its keys.
    pub keys: Vec<Key>,
    /// The account of its virtual locks, if it is a sandbox.
    pub account: Option<Account>,
    /// Its virtual locks.
    pub devices: Vec<Device>,
    /// What is told about it.
    pub events: Vec<Event>,
}

/// What a sandbox workspace begins with after a reset. The workspace itself, its keys and the attempts of its resets stay; everything
/// else of it goes in the same transaction, events and attempts included.
#[derive(Clone, Debug)]
pub struct Reset {
    /// The attempt behind it, which has succeeded.
    pub attempt: Attempt,
    /// The call behind it, if its answer is to be kept.
    pub call: Option<CallId>,
    /// The account of its virtual locks, if it begins with any.
    pub account: Option<Account>,
    /// Its virtual locks.
    pub devices: Vec<Device>,
    /// What is told about them.
    pub events: Vec<Event>,
}

/// Something that is read, and then changed as a whole or taken for granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// The spaces of a workspace and what is in them.
    Spaces(WorkspaceId),
    /// The same of an account's workspace.
    SpacesAround(AccountId),
    /// The client sessions of a workspace.
    Sessions(WorkspaceId),
    /// Its user identities.
    Identities(WorkspaceId),
    /// The workspace itself.
    Workspace(WorkspaceId),
}

/// The state in which something was read, by its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// What it is.
    pub name: String,
    /// Which version it had before it was read.
    pub version: i64,
    /// Whether it is another one after the change. Otherwise it must only stay as it is until then.
    pub changes: bool,
}

impl AsOf {
    /// The name of the conflict with another node that was faster.
    pub const OUTRUN: &'static str = "as_of";

    /// The same, for a change that leaves it as it is.
    #[must_use]
    pub fn unchanged(self) -> Self {
        Self { changes: false, ..self }
    }
}

impl Change {
    /// The change, if what it was made of still is so.
    #[must_use]
    pub fn over(self, read: impl IntoIterator<Item = AsOf>) -> Self {
        let read: Vec<AsOf> = read.into_iter().collect();
        if read.is_empty() { self } else { Self::Over { read, change: Box::new(self) } }
    }
}

/// A call under an idempotency key that changes something else than a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedCall {
    /// Which.
    pub id: CallId,
    /// The workspace that it is about, if it is about one.
    pub workspace: Option<WorkspaceId>,
    /// A keyed hash of its parameters.
    pub body_hash: String,
    /// When it began.
    pub at: Timestamp,
}

/// The body of an answer that is kept, sealed, to be given again. It may hold tokens, so its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptAnswer(pub String);

impl fmt::Debug for KeptAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptAnswer(…)")
    }
}

/// An idempotency key as it was sent. Its caller may have put anything into it, secrets too, so its `Debug` does not show
/// it, and a store keeps no more than a keyed hash.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(pub String);

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(…)")
    }
}

/// An idempotency key, claimed for one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyClaim {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The kind of credential that called, in a word.
    pub credential: &'static str,
    /// The path that was called.
    pub path: &'static str,
    /// The key.
    pub key: IdempotencyKey,
    /// A keyed hash of the parameters.
    pub body_hash: String,
    /// When it was claimed.
    pub at: Timestamp,
}
