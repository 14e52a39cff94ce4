//! The executor for PostgreSQL: connects, runs statements and queries, brings the schema up to date. Knows nothing of what
//! they mean.
//!
//! One thread with a small runtime of its own drives every connection, so that neither a busy server nor a test's clock
//! reaches into a commit.
//!
//! The server's writing connection also holds the lock that keeps a second server out
//! ([`lock`]): whoever lost the connection has lost the right to write with it.

mod accounts;
mod batch;
mod connect;
mod execute;
mod lock;
mod many;
mod migrate;
mod news;
mod open;
mod pool;
mod round;
mod target;
mod tls;
mod url;
mod writer;

pub(crate) use accounts::Accounts;
pub(crate) use open::open;
pub(crate) use pool::Pool;
pub(crate) use target::Target;
pub use url::check_database_url;
