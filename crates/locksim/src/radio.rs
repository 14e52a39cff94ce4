//! How a hub's request travels to a lock and the answer back, with everything that can go wrong on the way.

use std::sync::Arc;

use tokio::time::{Instant, sleep, sleep_until};

use crate::Lock;
use crate::faults::Faults;
use crate::lock::Reply;
use crate::signal::{Request, Signal};

/// Sends a request to a lock. Requests to one lock go out one after another, each when the one before was answered
/// or given up; those that wait die with the hub.
pub(crate) fn transmit(lock: &Arc<Lock>, request: Request) {
    let mut ticket = lock.radio.draw();
    let life = lock.air.life();
    let lock = Arc::clone(lock);
    let air = Arc::clone(&lock.air);
    air.clone().spawn(async move {
        let conversation = async {
            ticket.turn().await;
            exchange(&lock, request).await;
        };
        tokio::select! {
            biased;
            () = air.gone(life) => {}
            () = conversation => {}
        }
    });
}

async fn exchange(lock: &Arc<Lock>, request: Request) {
    let air = &lock.air;
    let faults = lock.faults_for(&request);
    let sent = Instant::now();
    if let Some((after, reached_parent)) = undelivered(&request, &faults) {
        sleep_until(sent + after).await;
        air.deliver(lock.index, Signal::NoAnswer { request, reached_parent });
        return;
    }
    sleep(air.hop).await;
    let mut reply = lock.receive(&request, &faults, false);
    let operates = matches!(request, Request::Operate { .. });
    if let Some(after) = faults.lost_answer.filter(|_| operates) {
        sleep_until(sent + after).await;
        air.thawed().await;
        sleep(air.hop).await;
        reply = lock.receive(&request, &faults, true);
    }
    if let Some(after) = faults.late_answer.filter(|_| operates) {
        sleep_until(sent + after).await;
        air.deliver(lock.index, Signal::NoAnswer { request, reached_parent: true });
        return;
    }
    sleep(air.hop).await;
    match reply {
        Reply::Done { accepted, then } => {
            air.deliver(lock.index, Signal::Answer { request, accepted });
            if let Some(signal) = then {
                air.deliver(lock.index, signal);
            }
        }
        Reply::Value(signal) => air.deliver(lock.index, signal),
    }
}

/// After which time the hub gives up a request that never gets to the lock, and whether the lock's parent took it.
fn undelivered(request: &Request, faults: &Faults) -> Option<(std::time::Duration, bool)> {
    let reads =
        matches!(request, Request::ReadState | Request::ReadBattery | Request::ReadAutoLock | Request::ReadCode { .. });
    faults
        .unreachable
        .map(|after| (after, false))
        .or_else(|| faults.silent.map(|after| (after, true)))
        .or_else(|| faults.read_fails.filter(|_| reads).map(|after| (after, false)))
}
