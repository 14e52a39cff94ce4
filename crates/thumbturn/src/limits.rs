//! Limits on how often: lock and unlock calls per device, each on its own count. This is the count of one node; where several
//! take calls, the store counts for all of them, and this one spares it whoever calls without end.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use thumbturn_core::ids::{DeviceId, WorkspaceId};
use thumbturn_core::locks::Action;

/// One count: of a device and an action, since the last reset of their workspace.
type Limiter = DefaultKeyedRateLimiter<(DeviceId, Action, u64)>;

/// A limiter per kind of workspace; `None` where there is no limit.
#[derive(Debug)]
pub struct ActionLimits {
    ordinary: Option<(NonZeroU32, Limiter)>,
    sandbox: Option<(NonZeroU32, Limiter)>,
    /// How often each workspace was reset.
    resets: RwLock<HashMap<WorkspaceId, u64>>,
}

impl ActionLimits {
    /// So many calls per minute; 0 = no limit.
    #[must_use]
    pub fn new(ordinary_per_minute: u32, sandbox_per_minute: u32) -> Self {
        let limiter = |per_minute| NonZeroU32::new(per_minute).map(|n| (n, RateLimiter::keyed(Quota::per_minute(n))));
        let (ordinary, sandbox) = (limiter(ordinary_per_minute), limiter(sandbox_per_minute));
        Self { ordinary, sandbox, resets: RwLock::default() }
    }

    /// Counts one call of this node. Virtual locks count `as_sandbox`, unless they are to be limited like real ones.
    ///
    /// # Errors
    /// How long to wait, if it is one too many.
    pub fn check(
        &self,
        as_sandbox: bool,
        workspace: WorkspaceId,
        device: DeviceId,
        action: Action,
    ) -> Result<(), Duration> {
        let Some((_, limiter)) = (if as_sandbox { &self.sandbox } else { &self.ordinary }) else { return Ok(()) };
        let resets = self.resets.read().unwrap_or_else(PoisonError::into_inner).get(&workspace).copied();
        limiter
            .check_key(&(device, action, resets.unwrap_or_default()))
            .map_err(|refused| refused.wait_time_from(DefaultClock::default().now()))
    }

    /// How many calls a minute there may be, if there is a limit.
    #[must_use]
    pub fn per_minute(&self, as_sandbox: bool) -> Option<NonZeroU32> {
        if as_sandbox { &self.sandbox } else { &self.ordinary }.as_ref().map(|(per_minute, _)| *per_minute)
    }

    /// Begins to count anew in a workspace that was reset.
    pub fn reset(&self, workspace: WorkspaceId) {
        *self.resets.write().unwrap_or_else(PoisonError::into_inner).entry(workspace).or_default() += 1;
    }

    /// Forgets devices that were not called for a while.
    pub fn tidy(&self) {
        for (_, limiter) in [&self.ordinary, &self.sandbox].into_iter().flatten() {
            limiter.retain_recent();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: WorkspaceId = WorkspaceId(uuid::Uuid::nil());

    fn device(n: u128) -> DeviceId {
        DeviceId(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn each_device_and_action_has_a_count_of_its_own() {
        let limits = ActionLimits::new(2, 0);
        for _ in 0..2 {
            assert_eq!(limits.check(false, WORKSPACE, device(1), Action::UnlockDoor), Ok(()));
        }
        let wait = limits.check(false, WORKSPACE, device(1), Action::UnlockDoor).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(30));
        assert_eq!(limits.check(false, WORKSPACE, device(1), Action::LockDoor), Ok(()));
        assert_eq!(limits.check(false, WORKSPACE, device(2), Action::UnlockDoor), Ok(()));
    }

    #[test]
    fn a_reset_begins_to_count_anew() {
        let limits = ActionLimits::new(1, 1);
        let call = || limits.check(true, WORKSPACE, device(1), Action::UnlockDoor).is_ok();
        assert_eq!([call(), call()], [true, false]);
        limits.reset(WORKSPACE);
        assert_eq!([call(), call()], [true, false]);
    }

    #[test]
    fn zero_means_no_limit() {
        let limits = ActionLimits::new(1, 0);
        for _ in 0..1_000 {
            assert_eq!(limits.check(true, WORKSPACE, device(1), Action::UnlockDoor), Ok(()));
        }
    }
}
