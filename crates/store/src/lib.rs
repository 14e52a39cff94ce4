//! Where Thumbturn keeps things: SQLite or PostgreSQL, behind one seam.
//!
//! What lives here: the schema, the statements of every [`Change`](thumbturn_core::change::Change), the one writer
//! that commits them in groups, scoped reads, the caches of the hot path, and the sealing of secrets. What does not:
//! rules, HTTP, and the wire's JSON.
//!
//! Invariants:
//! - A change is planned without a database, as portable statements (`statement`); an executor (`sqlite`) runs them.
//!   A second database needs an executor and its own schema, and no second set of statements.
//! - A commit that was answered is on disk, is seen by every later read, and is older than nothing in a cache.
//! - Every read of a tenant's things takes a [`Scope`](thumbturn_core::scope::Scope) first.
//! - Sealed columns hold no clear text at any time, and nothing secret is in a `Debug` output of this crate.
//!
//! Ids are kept as 36 characters of text and not as 16 bytes: the same declaration and the same values serve both
//! databases, both sort them in the order of the ids, and an operator can read and type them. The price is some 20 bytes an id.

mod accounts;
mod attempts;
mod board;
mod cache;
mod caches;
mod credentials;
mod deliveries;
mod device_list;
mod devices;
mod error;
mod event_detail;
mod events;
mod evidence;
mod files;
mod folding;
mod forwarded;
mod kept_calls;
mod listeners;
mod metadata;
mod meter;
mod migrations;
mod moving;
mod nodes;
mod open;
mod page;
mod postgres;
mod rates;
mod reader;
mod replays;
mod retention;
mod secrets;
mod sessions;
mod spaces;
mod sql;
mod sqlite;
mod statement;
mod statements;
mod store;
mod user_identities;
mod versions;
mod webhooks;
mod workspaces;
mod writer;

pub use accounts::AccountFilter;
pub use attempts::{AttemptFilter, CLAIM_KEPT, Claimed};
pub use deliveries::{DeliveryFilter, NewDelivery, Settlement};
pub use device_list::DeviceFilter;
pub use devices::DeviceLookup;
pub use error::OpenError;
pub use events::EventFilter;
pub use files::{DATABASE_FILE, KEY_FILE};
pub use forwarded::ForwardedCall;
pub use kept_calls::KeptCall;
pub use listeners::EventsWatch;
pub use metadata::MetadataValue;
pub use meter::{Group, NoMeter, StoreMeter};
pub use moving::{MoveError, MoveOptions, Moved, MovedTable, Progress, move_to_postgres};
pub use open::{OpenOptions, Role, open};
pub use page::{Cursor, Page, PageRequest};
pub use postgres::check_database_url;
pub use replays::Replayed;
pub use retention::Deleted;
pub use sessions::SessionFilter;
pub use spaces::SpaceFilter;
pub use store::Store;
pub use thumbturn_core::ports::{CommitError, StoreError};
pub use user_identities::IdentityFilter;
pub use writer::WallClock;
