//! Webhooks: what receivers get, and what becomes of it when they misbehave, or the server dies. The official verifiers take
//! the same messages in `e2e`.

mod crowd;
mod ends;
mod example;
mod failing;
mod replays;
mod sent;
mod support;
mod tls;

pub(crate) use self::support::private;
